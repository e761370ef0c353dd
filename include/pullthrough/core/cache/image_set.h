/*
 * Which images ECR holds, to be pulled at once: what the request path asks before it sends a pod
 * there.
 *
 * One table for life, with one writer and any number of readers, without a lock and without copies.
 * A reader that races a change may miss an entry, so that a pod pulls from upstream once more; it
 * never sees one that isn't there. It has no clock: a minute is any number of minutes that only
 * goes on (one that goes back is taken as standing still).
 *
 * An entry is 64 bits of a keyed hash (SipHash-2-4) of its name, not the name. A false hit is one
 * in 2^48 questions of a full set, and costs what sending all pods to ECR costs; the key is there
 * so that nobody can make one.
 *
 * Names are those below the registry's host, so a new host or prefix asks for a new set. The kind
 * is part of the name. One that is longer than the bounds below is never held.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMAGE_SET_H
#define PULLTHROUGH_CORE_CACHE_IMAGE_SET_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_SET_MAX = 65536, /* entries; so many take 2.2 MiB */
    IMAGE_SET_SECRET_BYTES = 16,
    IMAGE_SET_REPOSITORY_MAX = 256, /* bytes: ECR's repositoryName */
    IMAGE_SET_REFERENCE_MAX = 135,  /* bytes: "sha512:" and 128 digits; a tag has 128 at most */
    /* For so many calls of image_set_age() an entry counts as used lately. */
    IMAGE_SET_USED_AGES = 60,
    /* Bytes of a map of repositories, a bit each: image_set_repository_bit(). */
    IMAGE_SET_MAP_BYTES = 8192,
};

enum image_set_kind { IMAGE_SET_TAG, IMAGE_SET_DIGEST };

struct image_set;

/* Room for `max` entries, 1 to IMAGE_SET_MAX. `secret`: random bytes of this process. One
 * reference. */
struct image_set *image_set_new(const uint8_t secret[IMAGE_SET_SECRET_BYTES], size_t max);
/* Any thread; the last one frees. NULL is allowed to both. */
struct image_set *image_set_ref(struct image_set *set);
void image_set_unref(struct image_set *set);

/* Any thread. Whether ECR holds "dockercache/library/nginx" by this tag ("1.27") or digest
 * ("sha256:..."); if so, it is marked as used. NULL holds nothing. */
bool image_set_has(struct image_set *set, struct slice repository, enum image_set_kind kind,
                   struct slice reference);

/* The rest is for the one thread that writes. */

/* ECR holds it, as of `minute`. In a full set it takes the place of one that wasn't used lately,
 * or, of such, was seen longest ago, out of a sample. */
void image_set_add(struct image_set *set, struct slice repository, enum image_set_kind kind,
                   struct slice reference, uint32_t minute);
/* It does not; nothing happens where it wasn't held. */
void image_set_drop(struct image_set *set, struct slice repository, enum image_set_kind kind,
                    struct slice reference);
/* All of a repository that was not added in `since_minute` or later: of a whole listing that began
 * then, what it did not show. (Two repositories of 2^32 are one here, and lose a little more.) */
void image_set_sweep(struct image_set *set, struct slice repository, uint32_t since_minute);
/* Digests that were not added in `since_minute` or later. Of a tag that went meanwhile ECR imports
 * another one at the next pull; of a digest it can't. */
void image_set_expire_digests(struct image_set *set, uint32_t since_minute);

/* Called once a minute: what was used since the last call marks its repository's bit in `map`,
 * which is written as a whole; what wasn't comes nearer to not being used lately. */
void image_set_age(struct image_set *set, uint8_t map[IMAGE_SET_MAP_BYTES]);
/* Of 65,536 bits, the one of a repository; some share one. */
size_t image_set_repository_bit(const struct image_set *set, struct slice repository);

struct image_set_counts {
    size_t tags, digests; /* entries */
    uint64_t evicted;     /* that made room for others, since the start */
};
/* Any thread; all zero of NULL. */
struct image_set_counts image_set_counts(const struct image_set *set);

#endif
