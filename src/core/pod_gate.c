#include "pullthrough/core/pod_gate.h"

/* kubernetes/kubernetes, pkg/apis/core/annotation_key_constants.go, MirrorPodAnnotationKey */
static const char mirror_annotation[] = "kubernetes.io/config.mirror";

void pod_gate_init(struct pod_gate *gate, const struct rule_set *rules, struct slice namespace)
{
    *gate = (struct pod_gate){
        .rules = rules,
        .skipped_namespace = namespace.len && rule_set_skips_namespace(rules, namespace),
    };
}

static bool opts_out(struct slice key, struct slice value)
{
    return slice_is(key, POD_GATE_SWITCH) && slice_is(value, "disabled");
}

void pod_gate_label(struct pod_gate *gate, struct slice key, struct slice value)
{
    if (opts_out(key, value) || rule_set_skips_label(gate->rules, key, value))
        gate->skipped_pod = true;
}

void pod_gate_annotation(struct pod_gate *gate, struct slice key, struct slice value)
{
    if (opts_out(key, value))
        gate->skipped_pod = true;
    if (slice_is(key, mirror_annotation))
        gate->mirror_pod = true;
}

enum outcome pod_gate_outcome(const struct pod_gate *gate)
{
    if (gate->skipped_namespace)
        return OUTCOME_SKIPPED_NAMESPACE;
    if (gate->mirror_pod)
        return OUTCOME_MIRROR_POD;
    if (gate->skipped_pod)
        return OUTCOME_SKIPPED_POD;
    return OUTCOME_REWRITTEN;
}
