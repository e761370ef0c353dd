/*
 * Images by list and name, for thousands of them: sorted once, then found in a handful of
 * comparisons. A name may come more than once; then the first or the last one is asked for.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_POD_IMAGE_INDEX_H
#define PULLTHROUGH_CORE_REVIEW_POD_IMAGE_INDEX_H

#include "pullthrough/core/review/pod_images.h"

struct pod_image_index {
    const struct pod_image *images; /* borrowed */
    uint32_t *order;                /* in the arena */
    size_t n;
    size_t comparisons; /* made so far: about 2 n log2 n, and 2 log2 n each time that it is
                           asked */
};

/* False where the order would go over the arena's ceiling. */
bool pod_image_index_init(struct pod_image_index *index, const struct pod_image *images, size_t n,
                          struct arena *arena);

/* How many there are of a name: order[*first] is the first of them, the others follow. */
size_t pod_image_index_find(struct pod_image_index *index, unsigned list, struct slice name,
                            size_t *first);

/* By position in `images`; NULL where there is none. */
const struct pod_image *pod_image_index_first(struct pod_image_index *index, unsigned list,
                                              struct slice name);
const struct pod_image *pod_image_index_last(struct pod_image_index *index, unsigned list,
                                             struct slice name);

#endif
