/*
 * The certificates that the program makes for itself: a bundle of CAs, of which the first one
 * signs, and the leaf that is served. As texts they are the four keys of a Secret.
 *
 * ECDSA on P-256. The CA's key signs leaves only, and leaves are for one Service. Time and
 * serial numbers are arguments; keys, and the random part of each signature, come from
 * libcrypto's own generator, which can't be given to it.
 *
 * A set never changes once it is there: each change gives a new one, which shares what stays.
 */
#ifndef PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_H
#define PULLTHROUGH_CORE_CERTIFICATE_CERTIFICATE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/kube/certificate_texts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CERTIFICATE_SERIAL_BYTES = 16,
    CERTIFICATE_CAS_MAX = 8,           /* of one set */
    CERTIFICATE_BACKDATED_S = 60 * 60, /* notBefore lies so long ago: clocks differ */
    CERTIFICATE_CA_S = 365 * 24 * 60 * 60,
    CERTIFICATE_LEAF_S = 90 * 24 * 60 * 60,           /* never beyond its CA's end */
    CERTIFICATE_LASTING_S = 3650 * 24 * 60 * 60,      /* of a CA whose key is thrown away */
    CERTIFICATE_LASTING_LEAF_S = 3649 * 24 * 60 * 60, /* of its only leaf */
};

/* The Service that the leaf is for; both checked by kube_names. */
struct certificate_names {
    const char *service, *namespace;
};

struct certificate_dates {
    int64_t not_before_s, not_after_s;
};

/* What a webhook's caBundle holds. */
struct certificate_bundle;

/* Every certificate of a PEM text; what is not a certificate is passed over, as a TLS client does.
 * An empty or malformed text gives an empty bundle. */
struct certificate_bundle *certificate_bundle_read(struct slice pem);
void certificate_bundle_free(struct certificate_bundle *bundle);
static inline void certificate_bundle_cleanup(struct certificate_bundle **bundlep)
{
    certificate_bundle_free(*bundlep);
}
#define CERTIFICATE_BUNDLE_CLEANUP __attribute__((cleanup(certificate_bundle_cleanup)))

bool certificate_bundle_is_empty(const struct certificate_bundle *bundle);

/* Counted references, for one thread. */
struct certificate_set;

/* Read what certificate_set_print() wrote. -1 with the reason, which quotes no key, where
 * anything is missing or malformed, a key isn't its certificate's, the leaf is not a server's or is
 * signed by none of the CAs, or the first CA neither signed it nor is one of this program. Other
 * CAs that neither did nor are left out. Dates and names are not judged here. */
int certificate_set_read(struct certificate_set **setp, const struct certificate_texts *texts,
                         struct error *error);
/* The same for what has no ca.key: a set that signs nothing any more. */
int certificate_set_read_lasting(struct certificate_set **setp,
                                 const struct certificate_texts *texts, struct error *error);
struct certificate_set *certificate_set_ref(struct certificate_set *set); /* NULL is allowed */
void certificate_set_unref(struct certificate_set *set);
static inline void certificate_set_cleanup(struct certificate_set **setp)
{
    certificate_set_unref(*setp);
}
#define CERTIFICATE_SET_CLEANUP __attribute__((cleanup(certificate_set_cleanup)))

/* A CA and a leaf. `serials` are two times CERTIFICATE_SERIAL_BYTES random bytes. */
struct certificate_set *certificate_set_make(const struct certificate_names *names, int64_t now_s,
                                             const unsigned char *serials);

/* A CA and a leaf that live for ten years; the CA's key is thrown away, so nobody can ever sign
 * another one. The CAs of `previous` (or NULL) that have not ended follow, as many as there is room
 * for: their leaf is served until the new one has reached every replica. */
struct certificate_set *certificate_set_make_lasting(const struct certificate_names *names,
                                                     const struct certificate_set *previous,
                                                     int64_t now_s, const unsigned char *serials);

/* Each gives a new set; add_ca and issue only of one with the CA's key. `serial` are
 * CERTIFICATE_SERIAL_BYTES random bytes. */

/* With a new CA in front, which signs from now on. Where there would be too many, the oldest that
 * didn't sign the leaf goes. */
struct certificate_set *certificate_set_add_ca(const struct certificate_set *set, int64_t now_s,
                                               const unsigned char *serial);
/* With a new leaf, signed by the first CA. */
struct certificate_set *certificate_set_issue(const struct certificate_set *set,
                                              const struct certificate_names *names, int64_t now_s,
                                              const unsigned char *serial);
/* Without the CAs that ended an hour ago or more, but for the first and the leaf's. */
struct certificate_set *certificate_set_drop(const struct certificate_set *set, int64_t now_s);
/* With the CAs of a bundle that were made by this program, haven't ended, and aren't in the set:
 * somebody may serve a leaf of theirs. NULL where there is none. */
struct certificate_set *certificate_set_adopt(const struct certificate_set *set,
                                              const struct certificate_bundle *bundle,
                                              int64_t now_s);

size_t certificate_set_cas(const struct certificate_set *set); /* at least 1 */
/* How many CAs were left out when the set was read; of a set that was changed, 0. */
size_t certificate_set_foreign(const struct certificate_set *set);
struct certificate_dates certificate_set_ca_dates(const struct certificate_set *set, size_t i);
struct certificate_dates certificate_set_leaf_dates(const struct certificate_set *set);
size_t certificate_set_leaf_ca(const struct certificate_set *set); /* the index of who signed */
/* Whether the leaf has all names of the Service. */
bool certificate_set_has_names(const struct certificate_set *set,
                               const struct certificate_names *names);
bool certificate_set_same_leaf(const struct certificate_set *a, const struct certificate_set *b);

/* Whether CA i of the set is in the bundle. */
bool certificate_bundle_holds(const struct certificate_bundle *bundle,
                              const struct certificate_set *set, size_t i);
/* Whether the bundle holds the set's CAs, in any order, and nothing else. */
bool certificate_bundle_is(const struct certificate_bundle *bundle,
                           const struct certificate_set *set);

/* Append as PEM: the CAs; the leaf; and, into secret buffers, the two keys (PKCS #8). Of a CA's key
 * that was thrown away nothing. */
void certificate_set_print_cas(const struct certificate_set *set, struct strbuf *out);
void certificate_set_print_leaf(const struct certificate_set *set, struct strbuf *out);
void certificate_set_print_ca_key(const struct certificate_set *set, struct strbuf *out);
void certificate_set_print_leaf_key(const struct certificate_set *set, struct strbuf *out);

#endif
