/*
 * The kinds of Kubernetes objects that hold pods, and where. Part of core/manifest/manifest_walk.
 */
#ifndef PULLTHROUGH_SRC_CORE_MANIFEST_KINDS_H
#define PULLTHROUGH_SRC_CORE_MANIFEST_KINDS_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

enum manifest_shape {
    MANIFEST_POD,      /* at the path is what has a pod's metadata and spec */
    MANIFEST_WORKFLOW, /* at the path is the spec of an Argo Workflow */
};

enum { MANIFEST_PATHS = 4, MANIFEST_PATH_KEYS = 6 };

struct manifest_kind {
    const char *name;
    const char *const *versions; /* then NULL */
    enum manifest_shape shape;
    unsigned n_paths;                                      /* where pods may be; mostly one */
    const char *paths[MANIFEST_PATHS][MANIFEST_PATH_KEYS]; /* each: keys, then NULL */
};

/* NULL: a kind that holds no pod that we know. A kind counts only in its own API group. */
const struct manifest_kind *manifest_kind_find(struct slice name, struct slice version);

#endif
