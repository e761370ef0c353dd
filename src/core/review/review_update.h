/*
 * What the old object says to an update: which images it brings, and which containers keep the
 * one that they have.
 *
 * Kubelet restarts a container whose image changes. So where what is brought comes to the
 * same as what the pod has, the pod keeps that, whatever rules and exclusions say by now.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_REVIEW_UPDATE_H
#define PULLTHROUGH_CORE_REVIEW_REVIEW_UPDATE_H

#include "originals.h"
#include "pod_image_index.h"
#include "pullthrough/core/rules/rule_set.h"

struct review_update {
    const struct rule_set *rules;
    struct arena *arena;
    yyjson_val *pod; /* the old one */
    struct pod_image *images;
    size_t n;
    /* Each made when it is asked for first. */
    struct pod_image_index by_name, waiting;
    struct originals originals;
    bool has_by_name, has_waiting, has_originals;
    bool too_much; /* something went over the arena's ceiling; what was said is of no use */
};

/* 0, or what pod_images_collect() says of the old object. */
int review_update_init(struct review_update *update, const struct rule_set *rules, yyjson_val *pod,
                       unsigned lists, struct arena *arena);

/* The old entry that `image` stands for; it mostly has the same index, `hint`. NULL if none. */
const struct pod_image *review_update_old(struct review_update *update,
                                          const struct pod_image *image, size_t hint);

/* Whether the update may change the image: a new ephemeral container (those that exist are
 * immutable), or another image for a container that is there. */
bool review_update_brings(const struct pod_image *image, const struct pod_image *old);

/* Whether `old` is what `image` becomes in the cache, or became by what the old pod's annotation
 * says, and its pull didn't fail. */
bool review_update_keeps(struct review_update *update, const struct pod_image *image,
                         const struct pod_image *old);

#endif
