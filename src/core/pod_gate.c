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

static void read_switch(bool *opts_out, struct slice key, struct slice value)
{
    if (slice_is(key, POD_GATE_SWITCH))
        *opts_out = slice_is(value, "disabled");
}

void pod_gate_label(struct pod_gate *gate, struct slice key, struct slice value)
{
    read_switch(&gate->label_opts_out, key, value);
    for (size_t i = 0; i < rule_set_skip_labels(gate->rules); i++) {
        enum rule_set_label label = rule_set_skip_label(gate->rules, i, key, value);

        if (label == RULE_SET_LABEL_SKIPPED)
            gate->skipping |= UINT64_C(1) << i;
        else if (label == RULE_SET_LABEL_KEPT)
            gate->skipping &= ~(UINT64_C(1) << i);
    }
}

void pod_gate_annotation(struct pod_gate *gate, struct slice key, struct slice value)
{
    read_switch(&gate->annotation_opts_out, key, value);
    if (slice_is(key, mirror_annotation))
        gate->mirror_pod = true;
}

enum outcome pod_gate_outcome(const struct pod_gate *gate)
{
    if (gate->skipped_namespace)
        return OUTCOME_SKIPPED_NAMESPACE;
    if (gate->mirror_pod)
        return OUTCOME_MIRROR_POD;
    if (gate->label_opts_out || gate->annotation_opts_out || gate->skipping)
        return OUTCOME_SKIPPED_POD;
    return OUTCOME_REWRITTEN;
}
