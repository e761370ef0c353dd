/*
 * What a pod is made of, wherever the walk found it: its metadata, its containers and volumes, and
 * whether one of them is left alone. Where pods are is not known here.
 */
#include "manifest_visit.h"

enum { STATUSES_MAX = 32 }; /* each container looks through all */

struct feed {
    struct manifest_visit *walk;
    struct yaml_found mapping;
    struct pod_gate *gate;
    void (*add)(struct pod_gate *gate, struct slice key, struct slice value);
};

static void feed_pair(void *context, struct slice key, struct yaml_found value)
{
    struct feed *feed = context;
    struct pod_gate after = *feed->gate;

    feed->add(&after, key, yaml_lookup_text(value));
    feed->gate->names_ones = after.names_ones;
    if (pod_gate_outcome(&after) == pod_gate_outcome(feed->gate))
        return;
    /* A pair that another one of its key hides says nothing. */
    if (yaml_lookup_get(&feed->walk->lookup, feed->mapping, key).node == value.node)
        *feed->gate = after;
}

static void feed_gate(struct manifest_visit *walk, struct pod_gate *gate, struct yaml_found mapping,
                      void (*add)(struct pod_gate *, struct slice, struct slice))
{
    struct feed feed = {.walk = walk, .mapping = mapping, .gate = gate, .add = add};

    yaml_lookup_pairs(&walk->lookup, mapping, feed_pair, &feed);
}

void manifest_feed_gate(struct manifest_visit *walk, struct pod_gate *gate,
                        struct yaml_found metadata)
{
    struct yaml_found annotations = manifest_get(walk, metadata, "annotations");
    bool before = gate->names_ones;

    feed_gate(walk, gate, manifest_get(walk, metadata, "labels"), pod_gate_label);
    gate->names_ones = false;
    feed_gate(walk, gate, annotations, pod_gate_annotation);
    if (gate->names_ones && walk->n_switches < MANIFEST_SWITCHES_MAX)
        walk->switches[walk->n_switches++] = annotations;
    gate->names_ones |= before;
}

/* Whether an annotation opts this container or volume out. */
static bool is_opted_out(struct manifest_visit *walk, struct slice name)
{
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(MANIFEST_PATH_BYTES);

    if (walk->n_switches == 0 || name.len == 0)
        return false;
    strbuf_add_str(&key, POD_GATE_ONE_SWITCH);
    strbuf_add_slice(&key, name);
    for (unsigned i = walk->n_switches; i-- > 0;) {
        struct yaml_found found =
            yaml_lookup_get(&walk->lookup, walk->switches[i], strbuf_slice(&key));

        if (found.node)
            return pod_gate_opts_out(yaml_lookup_text(found));
    }
    return false;
}

/* As what the node has the image of this container. */
static struct slice image_id_of(struct manifest_visit *walk, struct slice container)
{
    static const char *const lists[] = {"containerStatuses", "initContainerStatuses"};

    for (size_t k = 0; walk->status.node && k < sizeof(lists) / sizeof(lists[0]); k++) {
        struct yaml_found list = manifest_get(walk, walk->status, lists[k]);
        size_t n = yaml_lookup_count(&walk->lookup, list);

        for (size_t i = 0; i < n && n <= STATUSES_MAX; i++) {
            struct yaml_found item = yaml_lookup_item(list, i);

            if (slice_equal(manifest_get_text(walk, item, "name"), container))
                return manifest_get_text(walk, item, "imageID");
        }
    }
    return slice_str("");
}

/* Visits `image` at path "…LIST[INDEX].KEY"; its pull policy is `policy`. */
static void visit_image(struct manifest_visit *walk, struct yaml_found entry,
                        struct yaml_found image, const char *key, struct slice policy)
{
    size_t length = walk->path->len;
    enum outcome gate = walk->place.gate;

    strbuf_add_str(walk->path, key);
    walk->place.path = strbuf_str(walk->path);
    walk->place.container = manifest_get_text(walk, entry, "name");
    walk->place.image = image;
    walk->place.pull_policy = policy;
    walk->place.image_id = image_id_of(walk, walk->place.container);
    if (gate == OUTCOME_REWRITTEN && is_opted_out(walk, walk->place.container))
        walk->place.gate = OUTCOME_SKIPPED_CONTAINER;
    else if (gate == OUTCOME_REWRITTEN && slice_is(policy, "Never"))
        walk->place.gate = OUTCOME_NEVER_PULLED;
    walk->visitor->image(walk->visitor->context, &walk->place);
    walk->place.gate = gate;
    strbuf_truncate(walk->path, length);
}

void manifest_visit_container(struct manifest_visit *walk, struct yaml_found entry)
{
    struct yaml_found image = manifest_get(walk, entry, "image");

    if (image.node)
        visit_image(walk, entry, image, ".image",
                    manifest_get_text(walk, entry, "imagePullPolicy"));
}

/* An image volume may have no reference yet: whoever creates the pod fills it in. */
void manifest_visit_volume(struct manifest_visit *walk, struct yaml_found entry)
{
    struct yaml_found source = manifest_get(walk, entry, "image");
    struct yaml_found reference = manifest_get(walk, source, "reference");

    if (reference.node && (reference.node->kind != YAML_SCALAR || reference.node->text.len))
        visit_image(walk, entry, reference, ".image.reference",
                    manifest_get_text(walk, source, "pullPolicy"));
}

void manifest_note_pull_secrets(struct manifest_visit *walk, struct yaml_found spec)
{
    struct yaml_found secrets;
    size_t n;

    walk->place.names_pull_secrets = false;
    secrets = manifest_get(walk, spec, "imagePullSecrets");
    n = yaml_lookup_count(&walk->lookup, secrets);
    for (size_t i = 0; i < n && !walk->lookup.spent && !walk->place.names_pull_secrets; i++)
        walk->place.names_pull_secrets =
            manifest_get_text(walk, yaml_lookup_item(secrets, i), "name").len > 0;
    walk->place.skips_rewritten =
        walk->place.names_pull_secrets && rule_set_skips_pull_secrets(walk->rules);
}

void manifest_visit_list(struct manifest_visit *walk, struct yaml_found mapping, const char *key,
                         void (*visit)(struct manifest_visit *, struct yaml_found))
{
    struct yaml_found list = manifest_get(walk, mapping, key);
    size_t n = yaml_lookup_count(&walk->lookup, list), length = walk->path->len;

    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        strbuf_add_format(walk->path, "%s[%zu]", key, i);
        visit(walk, yaml_lookup_item(list, i));
        strbuf_truncate(walk->path, length);
    }
}

void manifest_visit_spec(struct manifest_visit *walk, struct yaml_found spec)
{
    manifest_visit_list(walk, spec, "containers", manifest_visit_container);
    manifest_visit_list(walk, spec, "initContainers", manifest_visit_container);
    manifest_visit_list(walk, spec, "volumes", manifest_visit_volume);
}
