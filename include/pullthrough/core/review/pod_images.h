/*
 * Where the images of a pod stand: its container lists and its image volumes.
 *
 * Only these places are images. A pod is never searched for keys named "image": the one
 * of a volume's "rbd" is a Ceph device (kubernetes/api, core/v1/types.go).
 */
#ifndef PULLTHROUGH_CORE_REVIEW_POD_IMAGES_H
#define PULLTHROUGH_CORE_REVIEW_POD_IMAGES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

enum pod_image_list {
    POD_CONTAINERS = 1,
    POD_INIT_CONTAINERS = 2, /* sidecars too */
    POD_EPHEMERAL_CONTAINERS = 4,
    POD_IMAGE_VOLUMES = 8,
};

struct pod_image {
    struct slice name; /* of the container or volume, any bytes; empty if it has none */
    struct slice text; /* the image, any bytes; empty if there is none (legal at admission) */
    uint32_t index;    /* in its list */
    uint8_t list;      /* enum pod_image_list */
    bool never;        /* imagePullPolicy (of a volume: image.pullPolicy) is Never */
    uint8_t entry;     /* enum originals_entry; 0 when collected */
};

/* "containers", "initContainers", "ephemeralContainers", "volumes": the key in spec. */
const char *pod_image_field(enum pod_image_list list);

/* 1: a list is not an array, an entry no object, an image no string; 2: over `most` entries; 3:
 * over the arena's ceiling. */
enum { POD_IMAGES_MISSHAPEN = 1, POD_IMAGES_TOO_MANY = 2, POD_IMAGES_TOO_MUCH = 3 };

/* Every container of the lists in `lists` (a set of enum pod_image_list), with or without an
 * image, and every volume that has one; in the order of the enum. 0, and *images (in the
 * arena, slices borrowed from the document) with *n entries; or one of the above. */
int pod_images_collect(yyjson_val *pod, unsigned lists, size_t most, struct arena *arena,
                       struct pod_image **images, size_t *n);

#endif
