/*
 * What certificate sets and bundles are made of. Only certificate*.c include this.
 */
#ifndef PULLTHROUGH_SRC_CORE_CERTIFICATE_PARTS_H
#define PULLTHROUGH_SRC_CORE_CERTIFICATE_PARTS_H

#include "pullthrough/core/certificate/certificate.h"

#include <openssl/x509.h>

struct certificate_bundle {
    STACK_OF(X509) *all;
};

struct certificate_set {
    unsigned references;
    STACK_OF(X509) *cas; /* the first one signs */
    EVP_PKEY *ca_key;    /* of the first CA; or NULL */
    X509 *leaf;
    EVP_PKEY *leaf_key;
    size_t leaf_ca, foreign;
};

#define CERTIFICATE_CN "pullthrough CA "

/* Whether a CA is one that certificate_make_ca() made, as far as its name and its form tell: nobody
 * else signed it, and it can sign leaves only. */
bool certificate_is_ours(X509 *ca);

/* New, with one reference each; never NULL. A leaf never lives beyond its CA's end. */
X509 *certificate_make_ca(EVP_PKEY **keyp, int64_t now_s, int64_t life_s,
                          const unsigned char *serial);
X509 *certificate_make_leaf(EVP_PKEY **keyp, const struct certificate_names *names, X509 *ca,
                            EVP_PKEY *ca_key, int64_t now_s, int64_t life_s,
                            const unsigned char *serial);

struct certificate_dates certificate_dates_of(const X509 *certificate);

/* The names of a Service, in the order in which a leaf has them; `i` below the number. */
enum { CERTIFICATE_NAMES = 3, CERTIFICATE_NAME_BYTES = 160 };
void certificate_name(const struct certificate_names *names, unsigned i,
                      char text[static CERTIFICATE_NAME_BYTES]);

/* Certificates of a PEM text, at most `most`; NULL where there are more. Never NULL else. */
STACK_OF(X509) *certificate_read_all(struct slice pem, int most);

/* Where a certificate is in a stack, byte for byte; -1 where it isn't. */
int certificate_find(const STACK_OF(X509) *stack, const X509 *certificate);

#endif
