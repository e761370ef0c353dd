/*
 * Private to manifest_*.c: the walk, and what the shapes of objects have in common.
 */
#ifndef PULLTHROUGH_SRC_CORE_MANIFEST_VISIT_H
#define PULLTHROUGH_SRC_CORE_MANIFEST_VISIT_H

#include "manifest_kinds.h"

#include "manifest_walk.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/review/pod_gate.h"

#include <stddef.h>

enum {
    MANIFEST_SWITCHES_MAX = 16, /* metadata over metadata; beyond it they don't count */
    /* Of manifest_place.path; what manifest_other.c adds comes to less. */
    MANIFEST_PATH_BYTES = 16 * 1024,
};

struct manifest_visit {
    const struct rule_set *rules;
    enum config_kinds kinds;
    const struct manifest_visitor *visitor;
    struct yaml_lookup lookup;
    struct strbuf *path;         /* where the walk is; who adds to it takes it off again */
    struct manifest_place place; /* of the object at hand */
    /* Annotations that opt single containers out: those that were fed last go first. Who feeds a
     * gate takes its ones off again. */
    struct yaml_found switches[MANIFEST_SWITCHES_MAX];
    unsigned n_switches;
    struct manifest_piece *piece;
    struct yaml_found status; /* of a Pod */
};

static inline struct yaml_found manifest_get(struct manifest_visit *walk, struct yaml_found mapping,
                                             const char *key)
{
    return yaml_lookup_get(&walk->lookup, mapping, slice_str(key));
}

static inline struct slice manifest_get_text(struct manifest_visit *walk, struct yaml_found mapping,
                                             const char *key)
{
    return yaml_lookup_text(manifest_get(walk, mapping, key));
}

/* The labels and annotations of a pod's metadata. */
void manifest_feed_gate(struct manifest_visit *walk, struct pod_gate *gate,
                        struct yaml_found metadata);

/* What comes is of another pod. */
static inline void manifest_begin_pod(struct manifest_visit *walk)
{
    walk->place.pod = ++walk->piece->pods;
}

/* Whether pods with this spec name pull secrets, and rewrite.pullSecrets has them left alone. */
void manifest_note_pull_secrets(struct manifest_visit *walk, struct yaml_found spec);

/* The image of a container; its path ends in ".image". */
void manifest_visit_container(struct manifest_visit *walk, struct yaml_found entry);

/* The reference of an image volume; its path ends in ".image.reference". */
void manifest_visit_volume(struct manifest_visit *walk, struct yaml_found entry);

/* All images of a spec: containers, initContainers, volumes. */
void manifest_visit_spec(struct manifest_visit *walk, struct yaml_found spec);

/* Each item of the list `key`, at the path "...KEY[INDEX]". */
void manifest_visit_list(struct manifest_visit *walk, struct yaml_found mapping, const char *key,
                         void (*visit)(struct manifest_visit *, struct yaml_found));

/* What becomes pods of the spec of an Argo Workflow. `gate` is that of the object. */
void manifest_visit_workflow(struct manifest_visit *walk, struct yaml_found spec,
                             const struct pod_gate *gate);

/* An object of a kind that isn't known: its images are counted, its lists of containers visited.
 * Reported unless nothing of it is left. */
void manifest_visit_other(struct manifest_visit *walk, struct yaml_found object, struct slice kind,
                          struct slice version);

#endif
