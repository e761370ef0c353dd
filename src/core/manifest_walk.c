/*
 * From a document to its images: the kinds, the lists, the pod template of each kind, and
 * whether its pod is left alone as a whole.
 *
 * It refuses to guess: a kind counts only in its own API group, and a key only where the
 * kind's type has it.
 */
#include "pullthrough/core/manifest_walk.h"

#include "pullthrough/core/pod_gate.h"
#include "pullthrough/core/strbuf.h"

enum {
    LISTS_MAX = 4,     /* lists inside lists */
    PATH_BYTES = 2048, /* bytes of manifest_place.path */
    /* Without aliases a node is touched not even four times on average. */
    TOUCHES_PER_NODE = 8,
    TOUCHES_AT_LEAST = 1000000,
};

static const char *const core_versions[] = {"v1", NULL};
static const char *const apps_versions[] = {"apps/v1", "apps/v1beta1", "apps/v1beta2",
                                            "extensions/v1beta1", NULL};
static const char *const batch_versions[] = {"batch/v1", "batch/v1beta1", NULL};

/* Where each kind has what holds a pod's metadata and spec. */
static const struct kind {
    const char *name;
    const char *const *versions;
    const char *pod[5];
} kinds[] = {
    {"Pod", core_versions, {NULL}},
    {"PodTemplate", core_versions, {"template", NULL}},
    {"ReplicationController", core_versions, {"spec", "template", NULL}},
    {"Deployment", apps_versions, {"spec", "template", NULL}},
    {"StatefulSet", apps_versions, {"spec", "template", NULL}},
    {"DaemonSet", apps_versions, {"spec", "template", NULL}},
    {"ReplicaSet", apps_versions, {"spec", "template", NULL}},
    {"Job", batch_versions, {"spec", "template", NULL}},
    {"CronJob", batch_versions, {"spec", "jobTemplate", "spec", "template", NULL}},
};

struct walk {
    const struct rule_set *rules;
    const struct manifest_visitor *visitor;
    struct yaml_lookup lookup;
    struct strbuf *path;
    struct manifest_place place; /* of the object at hand */
};

/* What an item of a typed list may leave out. */
struct defaults {
    struct slice kind, version;
};

static struct yaml_found get(struct walk *walk, struct yaml_found mapping, const char *key)
{
    return yaml_lookup_get(&walk->lookup, mapping, slice_str(key));
}

static struct slice get_text(struct walk *walk, struct yaml_found mapping, const char *key)
{
    return yaml_lookup_text(get(walk, mapping, key));
}

static const struct kind *find_kind(struct slice name, struct slice version)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!slice_is(name, kinds[i].name))
            continue;
        for (const char *const *known = kinds[i].versions; *known; known++)
            if (slice_is(version, *known))
                return &kinds[i];
    }
    return NULL;
}

struct feed {
    struct walk *walk;
    struct yaml_found mapping;
    struct pod_gate *gate;
    void (*add)(struct pod_gate *gate, struct slice key, struct slice value);
};

static void feed_pair(void *context, struct slice key, struct yaml_found value)
{
    struct feed *feed = context;
    struct pod_gate after = *feed->gate;

    feed->add(&after, key, yaml_lookup_text(value));
    if (pod_gate_outcome(&after) == pod_gate_outcome(feed->gate))
        return;
    /* A pair that another one of its key hides says nothing. */
    if (yaml_lookup_get(&feed->walk->lookup, feed->mapping, key).node == value.node)
        *feed->gate = after;
}

static void feed_gate(struct walk *walk, struct pod_gate *gate, struct yaml_found mapping,
                      void (*add)(struct pod_gate *, struct slice, struct slice))
{
    struct feed feed = {.walk = walk, .mapping = mapping, .gate = gate, .add = add};

    yaml_lookup_pairs(&walk->lookup, mapping, feed_pair, &feed);
}

/* Visits `image` at path "…LIST[INDEX].KEY". */
static void visit_image(struct walk *walk, struct yaml_found entry, struct yaml_found image,
                        const char *key)
{
    size_t length = walk->path->len;

    strbuf_add_str(walk->path, key);
    walk->place.path = strbuf_str(walk->path);
    walk->place.container = get_text(walk, entry, "name");
    walk->place.image = image;
    walk->visitor->image(walk->visitor->context, &walk->place);
    strbuf_truncate(walk->path, length);
}

static void visit_container(struct walk *walk, struct yaml_found entry)
{
    struct yaml_found image = get(walk, entry, "image");

    if (image.node)
        visit_image(walk, entry, image, ".image");
}

/* An image volume may have no reference yet: whoever creates the pod fills it in. */
static void visit_volume(struct walk *walk, struct yaml_found entry)
{
    struct yaml_found reference = get(walk, get(walk, entry, "image"), "reference");

    if (reference.node && (reference.node->kind != YAML_SCALAR || reference.node->text.len))
        visit_image(walk, entry, reference, ".image.reference");
}

static void visit_list(struct walk *walk, struct yaml_found spec, const char *key,
                       void (*visit)(struct walk *, struct yaml_found))
{
    struct yaml_found list = get(walk, spec, key);
    size_t n = yaml_lookup_count(&walk->lookup, list), length = walk->path->len;

    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        strbuf_add_format(walk->path, "spec.%s[%zu]", key, i);
        visit(walk, yaml_lookup_item(list, i));
        strbuf_truncate(walk->path, length);
    }
}

static void visit_pod(struct walk *walk, const struct kind *kind, struct yaml_found object)
{
    struct yaml_found pod = object, metadata, spec;
    struct pod_gate gate;
    size_t length = walk->path->len;

    pod_gate_init(&gate, walk->rules, get_text(walk, get(walk, object, "metadata"), "namespace"));
    for (const char *const *key = kind->pod; *key; key++) {
        pod = get(walk, pod, *key);
        strbuf_add_format(walk->path, "%s.", *key);
    }
    metadata = get(walk, pod, "metadata");
    feed_gate(walk, &gate, get(walk, metadata, "labels"), pod_gate_label);
    feed_gate(walk, &gate, get(walk, metadata, "annotations"), pod_gate_annotation);
    walk->place.gate = pod_gate_outcome(&gate);
    spec = get(walk, pod, "spec");
    visit_list(walk, spec, "containers", visit_container);
    visit_list(walk, spec, "initContainers", visit_container);
    visit_list(walk, spec, "volumes", visit_volume);
    strbuf_truncate(walk->path, length);
}

static void visit_object(struct walk *walk, struct yaml_found object,
                         const struct defaults *defaults, unsigned lists);

static void visit_items(struct walk *walk, struct yaml_found object,
                        const struct defaults *defaults, unsigned lists)
{
    struct yaml_found items = get(walk, object, "items");
    size_t n = yaml_lookup_count(&walk->lookup, items), length = walk->path->len;

    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        strbuf_add_format(walk->path, "items[%zu].", i);
        visit_object(walk, yaml_lookup_item(items, i), defaults, lists);
        strbuf_truncate(walk->path, length);
    }
}

/* Whether `kind` is "List" or, say, "PodList"; then also what its items are by default. */
static bool is_list(struct slice kind, struct slice version, struct defaults *items)
{
    static const struct slice list = {.ptr = "List", .len = 4};

    *items = (struct defaults){.version = version};
    if (!slice_ends_with(kind, list))
        return false;
    items->kind = slice_of(kind.ptr, kind.len - list.len);
    if (items->kind.len > 0)
        return find_kind(items->kind, version) != NULL;
    items->version = slice_str("");
    return slice_is(version, "v1");
}

static struct slice object_name(struct walk *walk, struct yaml_found object)
{
    struct yaml_found metadata = get(walk, object, "metadata");
    struct slice name = get_text(walk, metadata, "name");

    return name.len ? name : get_text(walk, metadata, "generateName");
}

static void visit_object(struct walk *walk, struct yaml_found object,
                         const struct defaults *defaults, unsigned lists)
{
    struct slice kind = get_text(walk, object, "kind");
    struct slice version = get_text(walk, object, "apiVersion");
    struct defaults items;
    const struct kind *known;

    if (!kind.len)
        kind = defaults->kind;
    if (!version.len)
        version = defaults->version;
    if (lists > 0 && is_list(kind, version, &items)) {
        visit_items(walk, object, &items, lists - 1);
        return;
    }
    known = find_kind(kind, version);
    walk->place.kind = kind;
    walk->place.object = object_name(walk, object);
    if (known) {
        visit_pod(walk, known, object);
    } else {
        struct manifest_other other = {.document = walk->place.document,
                                       .line = object.node->line,
                                       .version = version,
                                       .kind = kind,
                                       .object = walk->place.object};

        walk->visitor->other(walk->visitor->context, &other);
    }
}

int manifest_walk(const struct yaml_tree *tree, const struct rule_set *rules,
                  const struct manifest_visitor *visitor, struct error *error)
{
    static const struct defaults none;
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_BYTES);
    struct walk walk = {.rules = rules, .visitor = visitor, .path = &path};

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
