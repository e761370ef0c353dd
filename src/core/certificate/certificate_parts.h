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

#endif
