/*
 * PEM and DER as libcrypto reads them, for this room: the one place that does. Never asks for a
 * passphrase. libcrypto's error queue is empty after each function.
 */
#ifndef PULLTHROUGH_SRC_CORE_CERTIFICATE_PEM_H
#define PULLTHROUGH_SRC_CORE_CERTIFICATE_PEM_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/certificate/certificate.h"

#include <openssl/x509.h>

/* The certificates of a text of at most max_bytes; what isn't one is passed over. Always a new
 * stack. -1 with the reason where there is more to the text than the stack holds: a malformed one
 * (the stack has those before it), or more than `most` (the stack has one too many), or bytes. */
int certificate_pem_read(STACK_OF(X509) **stackp, struct slice pem, size_t max_bytes, int most,
                         struct error *error);

/* NULL with the reason where there is none. */
EVP_PKEY *certificate_pem_key(struct slice pem, size_t max_bytes, struct error *error);

/* The first reason of libcrypto's error queue, which is then empty; never NULL, static. */
const char *certificate_pem_reason(void);

bool certificate_has_key(X509 *certificate, EVP_PKEY *key);

/* Seconds since 1970; -1 where it can't be read. */
int certificate_time(const ASN1_TIME *time, int64_t *seconds);
/* Out of the range of time_t and before 1970 is 0, which has ended. */
struct certificate_dates certificate_dates_of(const X509 *certificate);

#endif
