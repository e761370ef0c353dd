/*
 * From a document to its images: lists of objects, the pods of each kind, and whether a pod is
 * left alone as a whole.
 *
 * It refuses to guess: in a kind that is known, a key counts only where the kind's type has it.
 */
#include "manifest_walk.h"

#include "manifest_visit.h"

enum {
    LISTS_MAX = 4, /* lists inside lists */
    /* Without aliases a node is touched not even twelve times: an empty template of a workflow. */
    TOUCHES_PER_NODE = 16,
    TOUCHES_AT_LEAST = 1000000,
};

/* What an item of a typed list may leave out. */
struct defaults {
    struct slice kind, version;
};

/* `pod` has a pod's metadata and spec. */
static void visit_pod(struct manifest_visit *walk, struct yaml_found pod, struct pod_gate *gate)
{
    manifest_begin_pod(walk);
    manifest_feed_gate(walk, gate, manifest_get(walk, pod, "metadata"));
    walk->place.gate = pod_gate_outcome(gate);
    strbuf_add_str(walk->path, "spec.");
    manifest_note_pull_secrets(walk, manifest_get(walk, pod, "spec"));
    manifest_visit_spec(walk, manifest_get(walk, pod, "spec"));
}

/* Who made a pod. */
static void note_owner(struct manifest_visit *walk, struct yaml_found metadata)
{
    struct yaml_found owners = manifest_get(walk, metadata, "ownerReferences");
    size_t n = yaml_lookup_count(&walk->lookup, owners);

    for (size_t i = 0; i < n && !walk->lookup.spent; i++) {
        struct yaml_found owner = yaml_lookup_item(owners, i);

        if (!slice_is(manifest_get_text(walk, owner, "controller"), "true"))
            continue;
        walk->place.owner_version = manifest_get_text(walk, owner, "apiVersion");
        walk->place.owner_kind = manifest_get_text(walk, owner, "kind");
        return;
    }
}

static void visit_known(struct manifest_visit *walk, const struct manifest_kind *kind,
                        struct yaml_found object)
{
    struct yaml_found metadata = manifest_get(walk, object, "metadata");
    size_t length = walk->path->len;

    if (slice_is(walk->place.kind, "Pod")) {
        note_owner(walk, metadata);
        walk->status = manifest_get(walk, object, "status");
    }
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

bool manifest_is_list(struct slice kind)
{
    return slice_ends_with(kind, slice_str("List"));
}

/* Whether `kind` is "List" or, say, "PodList", or what a KRM function gets (ResourceList); then
 * also what its items are by default. */
static bool is_list(struct slice kind, struct slice version, struct defaults *items)
{
    *items = (struct defaults){.version = version};
    if (!manifest_is_list(kind))
        return false;
    if (slice_is(kind, "ResourceList") && slice_is(version, "config.kubernetes.io/v1")) {
        items->version = slice_str("");
        return true;
    }
    items->kind = slice_of(kind.ptr, kind.len - strlen("List"));
    if (items->kind.len > 0)
        return manifest_kind_find(items->kind, version) != NULL;
    items->version = slice_str("");
    return slice_is(version, "v1");
}

/* Of a longer list. */
static bool is_page(struct manifest_visit *walk, struct yaml_found list)
{
    const struct yaml_found metadata = manifest_get(walk, list, "metadata"),
                            more = manifest_get(walk, metadata, "continue");

    return more.node && yaml_node_is_string(more.node) && more.node->text.len > 0;
}

static struct slice object_name(struct manifest_visit *walk, struct yaml_found metadata)
{
    struct slice name = manifest_get_text(walk, metadata, "name");

    return name.len ? name : manifest_get_text(walk, metadata, "generateName");
}

static void visit_object(struct manifest_visit *walk, struct yaml_found object,
                         const struct defaults *defaults, unsigned lists)
{
    struct slice kind, version;
    struct defaults items;
    const struct manifest_kind *known;
    struct yaml_found metadata;

    if (object.node && yaml_node_is_null(object.node))
        return;
    kind = manifest_get_text(walk, object, "kind");
    version = manifest_get_text(walk, object, "apiVersion");
    if (!kind.len)
        kind = defaults->kind;
    walk->piece->objects += kind.len > 0;
    if (!version.len)
        version = defaults->version;
    if (lists > 0 && is_list(kind, version, &items)) {
        walk->piece->goes_on |= is_page(walk, object);
        visit_items(walk, object, &items, lists - 1);
        return;
    }
    known = manifest_kind_find(kind, version);
    metadata = manifest_get(walk, object, "metadata");
    walk->place = (struct manifest_place){
        .document = walk->place.document,
        .kind = kind,
        .object = object_name(walk, metadata),
        .namespace = manifest_get_text(walk, metadata, "namespace"),
    };
    walk->status = (struct yaml_found){0};
    if (known)
        visit_known(walk, known, object);
    else
        manifest_visit_other(walk, object, kind, version);
}

int manifest_walk(const struct yaml_tree *tree, const struct rule_set *rules,
                  enum config_kinds kinds, const struct manifest_visitor *visitor,
                  struct manifest_piece *piece, struct error *error)
{
    struct defaults defaults = {0};
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(MANIFEST_PATH_BYTES);
    struct manifest_visit walk = {
        .rules = rules, .kinds = kinds, .visitor = visitor, .path = &path, .piece = piece};

    walk.lookup.budget = TOUCHES_AT_LEAST + TOUCHES_PER_NODE * yaml_tree_nodes(tree);
    if (piece->is_item) {
        (void)is_list(piece->kind, piece->version, &defaults);
        strbuf_add_format(&path, "items[%zu].", piece->index);
    }
    for (size_t i = 0; i < yaml_tree_documents(tree); i++) {
        const struct yaml_node *root = yaml_tree_root(tree, i);

        if (!root)
            continue;
        walk.place = (struct manifest_place){.document = piece->document + i + 1};
        visit_object(&walk, yaml_lookup_follow(root, false), &defaults, LISTS_MAX - piece->is_item);
        if (walk.lookup.spent)
            return error_set(error, "%zu:%zu: aliases make too much of this document", root->line,
                             root->column);
    }
    return 0;
}
