/*
 * Whether a pod as a whole is left alone: its namespace, its labels, its annotations.
 *
 * Fed by whoever walks the pod (the review's JSON, a manifest's YAML), so that both
 * follow the same rules.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_POD_GATE_H
#define PULLTHROUGH_CORE_REVIEW_POD_GATE_H

#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stdint.h>

/* Label of namespaces and pods, and annotation of pods: "enabled" or "disabled". */
#define POD_GATE_SWITCH "pullthrough.internal/rewrite"
/* Annotation of pods, before the name of a container or volume: the same for that one. */
#define POD_GATE_ONE_SWITCH "pullthrough.internal/rewrite."

struct pod_gate {
    const struct rule_set *rules; /* borrowed */
    bool skipped_namespace, mirror_pod;
    bool label_opts_out, annotation_opts_out;
    bool names_ones;   /* there are annotations that begin like POD_GATE_ONE_SWITCH */
    uint64_t skipping; /* a bit for each of rewrite.skipPods, CONFIG_SKIP_PODS_MAX at most */
};

void pod_gate_init(struct pod_gate *gate, const struct rule_set *rules, struct slice namespace);
/* Of a key that comes twice the last value counts, as everywhere in JSON for the API server. */
void pod_gate_label(struct pod_gate *gate, struct slice key, struct slice value);
void pod_gate_annotation(struct pod_gate *gate, struct slice key, struct slice value);

/* OUTCOME_REWRITTEN: go on, judge each image. Otherwise the reason that holds for all of
 * them: skipped-namespace before mirror-pod before skipped-pod. */
enum outcome pod_gate_outcome(const struct pod_gate *gate);

/* Whether the pod itself says so: its own switch, or that it is a mirror. Then not even an update
 * is answered with the image that a container has. */
bool pod_gate_is_shut(const struct pod_gate *gate);

/* Whether `key` is such an annotation; then *name is whom it means. */
bool pod_gate_names_one(struct slice key, struct slice *name);
bool pod_gate_opts_out(struct slice value); /* of a switch */

#endif
