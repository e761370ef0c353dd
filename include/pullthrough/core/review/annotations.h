/*
 * Our annotations of pods, beside the switch (pod_gate.h). Their values are JSON objects from
 * "containers/web", "initContainers/..." and so on to an image.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_ANNOTATIONS_H
#define PULLTHROUGH_CORE_REVIEW_ANNOTATIONS_H

/* What images were before they were rewritten (src/core/review/originals.h). */
#define ORIGINALS_ANNOTATION "pullthrough.internal/original-images"
/* What images of a pod that was healed were in the cache, or "" where that was put back: each
 * happens once to a container (core/kube/heal_plan.h). */
#define HEALED_ANNOTATION "pullthrough.internal/healed-images"

enum {
    /* Bytes of all annotations of an object: kubernetes/apimachinery,
     * pkg/api/validation/objectmeta.go, TotalAnnotationSizeLimitB. A pod that we pushed over it
     * would be refused. */
    ALL_ANNOTATIONS_MAX = 256 * 1024,
};

#endif
