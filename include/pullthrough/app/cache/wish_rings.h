/*
 * What the loops tell the importer: images that pods wanted and that ECR doesn't hold as far as is
 * known. One bounded ring a loop, each of one producer and one consumer, so that neither waits. A
 * wish that waits already isn't put in again, and one for which there is no room is lost: the next
 * pod with that image brings it again. One namespace gets half of a ring.
 */
#ifndef PULLTHROUGH_APP_CACHE_WISH_RINGS_H
#define PULLTHROUGH_APP_CACHE_WISH_RINGS_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WISH_RING_SLOTS = 64, /* a ring takes 37 KiB; it is emptied four times a second */
    WISH_RING_SHARE = WISH_RING_SLOTS / 2, /* of a namespace */
    WISH_NAMESPACE_MAX = 63,
    WISH_REPOSITORY_MAX = 255,
    WISH_TAG_MAX = 128,
    WISH_DIGEST_MAX = 135, /* "sha512:" and 128 digits */
};

/* An image below the registry's host; without a tag or without a digest that text is empty. */
struct wish {
    uint16_t namespace_len, repository_len, tag_len, digest_len;
    /* One after the other. */
    char texts[WISH_NAMESPACE_MAX + WISH_REPOSITORY_MAX + WISH_TAG_MAX + WISH_DIGEST_MAX];
};
struct slice wish_namespace(const struct wish *wish);
struct slice wish_repository(const struct wish *wish);
struct slice wish_tag(const struct wish *wish);
struct slice wish_digest(const struct wish *wish);

struct wish_rings;

struct wish_rings *wish_rings_new(unsigned loops);
/* When neither a loop nor the consumer uses them any more. NULL is allowed. */
void wish_rings_free(struct wish_rings *rings);

/* Copies the texts; an empty namespace has no share to keep to. Only from that loop's thread.
 * False: it is lost, for want of room or since a text is longer than the bounds above. */
bool wish_rings_put(struct wish_rings *rings, unsigned loop, struct slice namespace,
                    struct slice repository, struct slice tag, struct slice digest);

/* The oldest of some ring; the rings take turns. False: all are empty. One thread. */
bool wish_rings_take(struct wish_rings *rings, struct wish *wish);

#endif
