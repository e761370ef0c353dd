/*
 * From a document to its images: lists of objects, the pods of each kind, and whether a pod is
 * left alone as a whole.
 *
 * It refuses to guess: in a kind that is known, a key counts only where the kind's type has it.
 */
#include "manifest_walk.h"

#include "manifest_visit.h"

enum {
    LISTS_MAX = 4,          /* lists inside lists */
    PATH_BYTES = 16 * 1024, /* of manifest_place.path; what manifest_other.c adds comes to less */
    /* Without aliases a node is touched not even twelve times: an empty template of a workflow. */
    TOUCHES_PER_NODE = 16,
    TOUCHES_AT_LEAST = 1000000,
};

/* What an item of a typed list may leave out. */
struct defaults {
    struct slice kind, version;
};

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
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(PATH_BYTES);

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

    walk->place.skips_rewritten = false;
    if (!rule_set_skips_pull_secrets(walk->rules))
        return;
    secrets = manifest_get(walk, spec, "imagePullSecrets");
    n = yaml_lookup_count(&walk->lookup, secrets);
    for (size_t i = 0; i < n && !walk->lookup.spent && !walk->place.skips_rewritten; i++)
        walk->place.skips_rewritten =
            manifest_get_text(walk, yaml_lookup_item(secrets, i), "name").len > 0;
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

/* `pod` has a pod's metadata and spec. */
static void visit_pod(struct manifest_visit *walk, struct yaml_found pod, struct pod_gate *gate)
{
    manifest_feed_gate(walk, gate, manifest_get(walk, pod, "metadata"));
    walk->place.gate = pod_gate_outcome(gate);
    strbuf_add_str(walk->path, "spec.");
    manifest_note_pull_secrets(walk, manifest_get(walk, pod, "spec"));
    manifest_visit_spec(walk, manifest_get(walk, pod, "spec"));
}

static void visit_known(struct manifest_visit *walk, const struct manifest_kind *kind,
                        struct yaml_found object)
{
    struct yaml_found metadata = manifest_get(walk, object, "metadata");
    size_t length = walk->path->len;

    for (unsigned i = 0; i < kind->n_paths; i++) {
        struct yaml_found at = object;
        struct pod_gate gate;

        walk->n_switches = 0;
        pod_gate_init(&gate, walk->rules, manifest_get_text(walk, metadata, "namespace"));
        for (const char *const *key = kind->paths[i]; *key; key++) {
            at = manifest_get(walk, at, *key);
            strbuf_add_format(walk->path, "%s.", *key);
        }
        if (kind->shape == MANIFEST_WORKFLOW)
            manifest_visit_workflow(walk, at, &gate);
        else
            visit_pod(walk, at, &gate);
        strbuf_truncate(walk->path, length);
    }
}

static void visit_object(struct manifest_visit *walk, struct yaml_found object,
                         const struct defaults *defaults, unsigned lists);

static void visit_items(struct manifest_visit *walk, struct yaml_found object,
                        const struct defaults *defaults, unsigned lists)
{
    struct yaml_found items = manifest_get(walk, object, "items");
    size_t n = yaml_lookup_count(&walk->lookup, items), length = walk->path->len;

    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        strbuf_add_format(walk->path, "items[%zu].", i);
        visit_object(walk, yaml_lookup_item(items, i), defaults, lists);
        strbuf_truncate(walk->path, length);
    }
}

/* Whether `kind` is "List" or, say, "PodList", or what a KRM function gets (ResourceList); then
 * also what its items are by default. */
static bool is_list(struct slice kind, struct slice version, struct defaults *items)
{
    static const struct slice list = {.ptr = "List", .len = 4};

    *items = (struct defaults){.version = version};
    if (!slice_ends_with(kind, list))
        return false;
    if (slice_is(kind, "ResourceList") && slice_is(version, "config.kubernetes.io/v1")) {
        items->version = slice_str("");
        return true;
    }
    items->kind = slice_of(kind.ptr, kind.len - list.len);
    if (items->kind.len > 0)
        return manifest_kind_find(items->kind, version) != NULL;
    items->version = slice_str("");
    return slice_is(version, "v1");
}

static struct slice object_name(struct manifest_visit *walk, struct yaml_found object)
{
    struct yaml_found metadata = manifest_get(walk, object, "metadata");
    struct slice name = manifest_get_text(walk, metadata, "name");

    return name.len ? name : manifest_get_text(walk, metadata, "generateName");
}

static void visit_object(struct manifest_visit *walk, struct yaml_found object,
                         const struct defaults *defaults, unsigned lists)
{
    struct slice kind, version;
    struct defaults items;
    const struct manifest_kind *known;

    if (object.node && yaml_node_is_null(object.node))
        return;
    kind = manifest_get_text(walk, object, "kind");
    version = manifest_get_text(walk, object, "apiVersion");
    if (!kind.len)
        kind = defaults->kind;
    if (!version.len)
        version = defaults->version;
    if (lists > 0 && is_list(kind, version, &items)) {
        visit_items(walk, object, &items, lists - 1);
        return;
    }
    known = manifest_kind_find(kind, version);
    walk->place.kind = kind;
    walk->place.object = object_name(walk, object);
    if (known)
        visit_known(walk, known, object);
    else
        manifest_visit_other(walk, object, kind, version);
}

int manifest_walk(const struct yaml_tree *tree, const struct rule_set *rules,
                  enum config_kinds kinds, const struct manifest_visitor *visitor,
                  struct error *error)
{
    static const struct defaults none;
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_BYTES);
    struct manifest_visit walk = {
        .rules = rules, .kinds = kinds, .visitor = visitor, .path = &path};

    walk.lookup.budget = TOUCHES_AT_LEAST + TOUCHES_PER_NODE * yaml_tree_nodes(tree);
    for (size_t i = 0; i < yaml_tree_documents(tree); i++) {
        const struct yaml_node *root = yaml_tree_root(tree, i);

        if (!root)
            continue;
        walk.place = (struct manifest_place){.document = i + 1};
        visit_object(&walk, yaml_lookup_follow(root, false), &none, LISTS_MAX);
        if (walk.lookup.spent)
            return error_set(error, "%zu:%zu: aliases make too much of this document", root->line,
                             root->column);
    }
    return 0;
}
