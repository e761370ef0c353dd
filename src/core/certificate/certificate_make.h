/*
 * New certificates, for the sets of them.
 */
#ifndef PULLTHROUGH_SRC_CORE_CERTIFICATE_MAKE_H
#define PULLTHROUGH_SRC_CORE_CERTIFICATE_MAKE_H

#include "pullthrough/core/certificate/certificate.h"

#include <openssl/x509.h>

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

/* The names of a Service, in the order in which a leaf has them; `i` below the number. */
enum { CERTIFICATE_NAMES = 3, CERTIFICATE_NAME_BYTES = 160 };
void certificate_name(const struct certificate_names *names, unsigned i,
                      char text[static CERTIFICATE_NAME_BYTES]);

#endif
