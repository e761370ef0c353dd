/*
 * A certificate chain, its private key and the CAs that clients must be signed by: read from
 * PEM, checked, immutable. Only tls.c includes this.
 */
#ifndef PULLTHROUGH_SRC_EDGE_TLS_PAIR_H
#define PULLTHROUGH_SRC_EDGE_TLS_PAIR_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/edge/http/tls.h"

#include <stdbool.h>

#include <openssl/ssl.h>

struct tls_pair {
    unsigned references; /* counted by tls.c, under its lock; 1 when it is made */
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf */
    EVP_PKEY *key;
    X509_STORE *clients; /* NULL: clients show no certificate */
    STACK_OF(X509_NAME) *client_names;
    struct tls_dates dates;
};

/* -1 with the reason in error. What the arguments are: tls_load(). */
int tls_pair_new(struct tls_pair **pairp, struct slice chain, struct slice key,
                 struct slice client_ca, struct error *error);
void tls_pair_free(struct tls_pair *pair);

/* Make one connection use the pair; false with OpenSSL's error queue saying why. */
bool tls_pair_use(const struct tls_pair *pair, SSL *ssl);

/* The first reason of OpenSSL's error queue, which is then empty; never NULL, static. */
const char *tls_pair_reason(void);

#endif
