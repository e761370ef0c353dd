/*
 * The annotation that keeps what the images were: a JSON object from "containers/web" and
 * so on to the reference that was there before.
 */
#ifndef PULLTHROUGH_CORE_ORIGINALS_H
#define PULLTHROUGH_CORE_ORIGINALS_H

#include "pullthrough/core/arena.h"
#include "pullthrough/core/patch.h"

#define ORIGINALS_ANNOTATION "pullthrough.internal/original-images"

enum {
    /* All annotations of an object: kubernetes/apimachinery, pkg/api/validation/objectmeta.go,
     * TotalAnnotationSizeLimitB. A pod that we pushed over it would be refused. */
    ORIGINALS_ALL_ANNOTATIONS_MAX = 256 * 1024,
};

/* Add the operation that records `rewritten` (n images, their texts from before) beside what
 * the annotation says already: an entry that is there stays as it is. No operation where
 * nothing is new or it can't be done safely: no metadata, annotations of another shape, a value
 * that is not ours, no room. */
void originals_record(struct patch *patch, yyjson_val *pod, const struct pod_image *rewritten,
                      size_t n, struct arena *arena);

#endif
