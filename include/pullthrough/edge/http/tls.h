/*
 * The server's side of TLS: one SSL_CTX for life, whose certificate can be exchanged.
 *
 * TLS 1.2 and 1.3, ALPN http/1.1 only, no tickets, no session cache, no renegotiation (tls.c has
 * why). A handshake takes the key pair that is current when its ClientHello has
 * come; live connections keep theirs. Freeing the SSL_CTX at a reload instead would be a
 * use after free inside libh2o 2.2.5, which keeps the raw pointer until the ClientHello.
 */
#ifndef PULLTHROUGH_EDGE_HTTP_TLS_H
#define PULLTHROUGH_EDGE_HTTP_TLS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/certificate/key_pair.h"

#include <stdbool.h>

struct tls;

/* Called from loop threads, once a handshake ended: with true, or with false and why, in
 * OpenSSL's words and dead after the call (an alert of the client is one: "tlsv1 alert unknown
 * ca" is a wrong caBundle). A connection that ends before its first byte isn't reported. */
typedef void (*tls_on_handshake)(void *context, bool done, const char *why);

/* No key pair yet: handshakes fail until tls_load(). The callback may be NULL. */
struct tls *tls_new(tls_on_handshake on_handshake, void *context);
/* After the http_server that borrowed it. */
void tls_free(struct tls *tls);

/* Make a key pair current for new connections; *pair is taken over, come what may. At least 112
 * bits of strength (RSA from 2,048 bits).
 * -1 with the reason: nothing changed. Any one thread at a time. */
int tls_load(struct tls *tls, struct key_pair *pair, struct error *error);

/* Whether a key pair is loaded, and its dates. Any thread. */
bool tls_loaded(const struct tls *tls, struct certificate_dates *dates);

/* For http_server only; borrowed for the life of *tls. */
struct ssl_ctx_st *tls_context(struct tls *tls);

#endif
