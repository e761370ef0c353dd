/*
 * The walkers hand over labels and annotations one by one, in any order, the last of a key
 * deciding as in the API server. skipPods' entries are bits of a mask, so a pod costs no
 * memory.
 */
#include "pullthrough/core/review/pod_gate.h"

/* kubernetes/kubernetes, pkg/apis/core/annotation_key_constants.go, MirrorPodAnnotationKey */
static const char mirror_annotation[] = "kubernetes.io/config.mirror";

void pod_gate_init(struct pod_gate *gate, const struct rule_set *rules, struct slice namespace)
{
    *gate = (struct pod_gate){
        .rules = rules,
        .skipped_namespace = namespace.len && rule_set_skips_namespace(rules, namespace),
    };
}

bool pod_gate_opts_out(struct slice value)
{
    return slice_is(value, "disabled");
}

bool pod_gate_names_one(struct slice key, struct slice *name)
{
    static const struct slice before = {.ptr = POD_GATE_ONE_SWITCH,
                                        .len = sizeof(POD_GATE_ONE_SWITCH) - 1};

    if (!slice_starts_with(key, before))
        return false;
    *name = slice_from(key, before.len);
    return true;
}

static void read_switch(bool *opts_out, struct slice key, struct slice value)
{
    if (slice_is(key, POD_GATE_SWITCH))
        *opts_out = pod_gate_opts_out(value);
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
    struct slice name;

    read_switch(&gate->annotation_opts_out, key, value);
    gate->names_ones |= pod_gate_names_one(key, &name);
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

bool pod_gate_is_shut(const struct pod_gate *gate)
{
    return gate->mirror_pod || gate->label_opts_out || gate->annotation_opts_out;
}
