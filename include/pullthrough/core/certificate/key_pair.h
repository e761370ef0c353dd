/*
 * What a TLS server shows: a certificate chain, its private key, and the CAs that clients must be
 * signed by. Parsed and checked once, and never changed then.
 *
 * Refused is what no client could ever accept: a key that isn't the leaf's, or of a kind that Go,
 * which API servers are written in, doesn't know; a leaf that may not be a server's or has no name;
 * a chain that is longer than Go reads.
 * An expired certificate is taken: to refuse it would leave none at all, and `dates` tells.
 */
#ifndef PULLTHROUGH_CORE_CERTIFICATE_KEY_PAIR_H
#define PULLTHROUGH_CORE_CERTIFICATE_KEY_PAIR_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/certificate/certificate.h"

#include <openssl/x509.h>

struct key_pair {
    unsigned references; /* for whoever holds it, who counts; 1 when it is made */
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf */
    EVP_PKEY *key;
    X509_STORE *clients;               /* NULL: clients show no certificate */
    STACK_OF(X509_NAME) *client_names; /* none where they are longer than TLS can say */
    struct certificate_dates dates;    /* of the leaf */
};

/* Of PEM texts: a chain (leaf first), its key, which is not encrypted, and a bundle of the clients'
 * CAs (empty: clients show no certificate). -1 with the reason, which quotes no key. */
int key_pair_read(struct key_pair **pairp, struct slice chain, struct slice key,
                  struct slice client_ca, struct error *error);
/* The set's leaf and its key, checked in the same way. Clients show no certificate. */
int key_pair_of_set(struct key_pair **pairp, const struct certificate_set *set,
                    struct error *error);
void key_pair_free(struct key_pair *pair); /* NULL is allowed */

#endif
