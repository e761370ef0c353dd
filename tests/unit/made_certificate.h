/*
 * Certificates for tests, made on the spot: no key is kept in the repository.
 */
#ifndef PULLTHROUGH_TESTS_MADE_CERTIFICATE_H
#define PULLTHROUGH_TESTS_MADE_CERTIFICATE_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

struct made_certificate {
    X509 *x509;
    EVP_PKEY *key;
    char *pem, *key_pem;
};

struct certificate_spec {
    const char *name;
    const char *alternative; /* "DNS:a,IP:::1"; NULL: none */
    const char *constraints; /* "critical,CA:TRUE"; NULL: none */
    const char *usage;       /* "digitalSignature"; NULL: none */
    const char *extended;    /* "serverAuth"; NULL: none */
    int rsa_bits;            /* 0: ECDSA P-256 */
    const char *key;      /* another kind: "DSA", "RSA-PSS", "ED25519", "ED448", a curve of EC, or
                             "explicit" (P-256, by its parameters); NULL: as above */
    int64_t from_s, to_s; /* seconds from now; both 0: from an hour ago to in a day */
    const struct made_certificate *issuer; /* NULL: self-signed */
};

struct made_certificate *made_certificate_new(const struct certificate_spec *spec);
void made_certificate_free(struct made_certificate *made);

/* A certificate as PEM text; the caller frees it. */
char *made_certificate_pem(const X509 *x509);

/* PEM of the key under a passphrase; in the older form ("DEK-Info") or as PKCS #8. The caller
 * frees it. */
char *made_certificate_encrypted_key(const struct made_certificate *made, bool older);

#endif
