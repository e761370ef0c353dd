/*
 * Objects of kinds that aren't known: what looks like an image in them is counted, and a list
 * "containers" or "initContainers" whose entries have an `image` text is taken for a pod's, in
 * objects of somebody's own API group.
 *
 * It looks at each node once, where it stands: it follows no alias, so that no object costs more
 * than its text. Of an object it leaves out what nobody writes in order to have it pulled:
 * metadata, status, and definitions of kinds.
 */
#include "manifest_hints.h"
#include "manifest_visit.h"

enum { KEY_BYTES = 64 }; /* of a key in a path; a longer one is "..." */

struct other {
    struct manifest_visit *walk;
    struct pod_gate gate; /* of the object itself */
    bool custom;          /* its lists of containers are pods' */
    size_t images;        /* that look like one and stay as they are */
    size_t in_pods;       /* of them in what CONFIG_KINDS_ANY_POD_SPEC takes for a pod's */
    size_t pods;
};

/* Whether a mapping is an entry of a list of containers, whose `image` is visited. */
enum entry { NO_CONTAINER, CONTAINER };

static void count_in(struct other *other, const struct yaml_node *node, struct yaml_found holder,
                     enum entry entry);

static bool is_text(const struct yaml_node *node)
{
    return yaml_node_is_string(node) && node->text.len > 0;
}

static struct slice key_of(const struct yaml_node *mapping, size_t i)
{
    return yaml_lookup_text(yaml_lookup_follow(mapping->items[i], false));
}

static size_t looks_like_image(const struct other *other, const struct yaml_node *node)
{
    return is_text(node) && manifest_looks_like_image(other->walk->rules, node->text);
}

/* "image", "baseImage" and so on */
static bool is_image_key(struct slice key)
{
    return slice_is(key, "image") || slice_ends_with(key, slice_str("Image"));
}

/* A text; {repository, tag} and {reference} of who splits it. */
static size_t count_image(const struct other *other, const struct yaml_node *node)
{
    size_t n = 0;

    for (size_t i = 0; node->kind == YAML_MAPPING && i < node->n; i++) {
        struct slice key = key_of(node, i);

        if (slice_is(key, "repository") || slice_is(key, "reference"))
            n = looks_like_image(other, node->values[i]);
    }
    return node->kind == YAML_SCALAR ? looks_like_image(other, node) : n;
}

static size_t count_images(const struct other *other, const struct yaml_node *list)
{
    size_t n = 0;

    for (size_t i = 0; list->kind == YAML_SEQUENCE && i < list->n; i++)
        n += looks_like_image(other, list->items[i]);
    return n;
}

static bool is_container_list(struct slice key)
{
    return slice_is(key, "containers") || slice_is(key, "initContainers");
}

/* Whether `list` is one of containers; adds how many of their images look like one. */
static bool count_containers(const struct other *other, const struct yaml_node *list,
                             size_t *images)
{
    bool any = false;

    for (size_t i = 0; list->kind == YAML_SEQUENCE && i < list->n; i++) {
        const struct yaml_node *image = yaml_node_get(list->items[i], "image");

        if (!image || !is_text(image))
            continue;
        any = true;
        *images += looks_like_image(other, image);
    }
    return any;
}

/* Whether a mapping is the spec of a pod; then it is visited as one. */
static bool visit_spec(struct other *other, const struct yaml_node *mapping,
                       struct yaml_found holder)
{
    struct manifest_visit *walk = other->walk;
    struct yaml_found spec = yaml_lookup_follow(mapping, false);
    struct pod_gate gate = other->gate;
    unsigned switches = walk->n_switches;
    size_t images = 0;
    bool found = false;

    for (size_t i = 0; other->custom && i < mapping->n; i++)
        if (is_container_list(key_of(mapping, i)))
            found = count_containers(other, mapping->values[i], &images) || found;
    if (!found)
        return false;
    other->pods++;
    manifest_begin_pod(walk);
    manifest_feed_gate(walk, &gate, manifest_get(walk, holder, "metadata"));
    manifest_feed_gate(walk, &gate, manifest_get(walk, spec, "metadata"));
    walk->place.gate = pod_gate_outcome(&gate);
    walk->place.other_kind = walk->kinds == CONFIG_KINDS_KNOWN;
    if (walk->place.other_kind && walk->place.gate == OUTCOME_REWRITTEN) {
        other->images += images;
        other->in_pods += images;
    }
    manifest_note_pull_secrets(walk, spec);
    manifest_visit_spec(walk, spec);
    walk->n_switches = switches;
    walk->place.other_kind = false;
    return true;
}

static void add_key(struct other *other, struct slice key)
{
    if (key.len <= KEY_BYTES)
        strbuf_add_slice(other->walk->path, key);
    else
        strbuf_add_str(other->walk->path, "...");
}

/* The value of a key, with what the key says of it. */
static void count_value(struct other *other, struct slice key, const struct yaml_node *value,
                        struct yaml_found holder, enum entry entry)
{
    if (entry == NO_CONTAINER && is_image_key(key))
        other->images += count_image(other, value);
    if (slice_is(key, "images"))
        other->images += count_images(other, value);
    if (value->kind == YAML_SCALAR && slice_find(value->text, '\n') < value->text.len)
        other->images += manifest_images_in_text(other->walk->rules, value->text);
    if (value->kind == YAML_MAPPING || value->kind == YAML_SEQUENCE)
        count_in(other, value, holder, NO_CONTAINER);
}

static bool is_left_out(struct slice key, bool root)
{
    return slice_is(key, "metadata") || (root && slice_is(key, "status"));
}

static void count_mapping(struct other *other, const struct yaml_node *mapping,
                          struct yaml_found holder, enum entry entry)
{
    bool root = !holder.node, pod = visit_spec(other, mapping, holder);
    struct manifest_visit *walk = other->walk;
    size_t length = walk->path->len;

    for (size_t i = 0; i < mapping->n && !walk->lookup.spent; i++) {
        struct slice key = key_of(mapping, i);
        struct yaml_found here = yaml_lookup_follow(mapping, false);
        bool listed = pod && (is_container_list(key) || slice_is(key, "volumes"));

        if (is_left_out(key, root))
            continue;
        add_key(other, key);
        if (listed)
            count_in(other, mapping->values[i], here, CONTAINER);
        else {
            strbuf_add_char(walk->path, '.');
            count_value(other, key, mapping->values[i], here, entry);
        }
        strbuf_truncate(walk->path, length);
    }
}

/* At a path that ends in ".", or in a key. */
static void count_in(struct other *other, const struct yaml_node *node, struct yaml_found holder,
                     enum entry entry)
{
    struct strbuf *path = other->walk->path;
    size_t stem = path->len - (path->len > 0 && path->ptr[path->len - 1] == '.');

    if (node->kind == YAML_MAPPING)
        count_mapping(other, node, holder, entry);
    for (size_t i = 0; node->kind == YAML_SEQUENCE && i < node->n; i++) {
        strbuf_truncate(path, stem);
        strbuf_add_format(path, "[%zu].", i);
        count_in(other, node->items[i], holder, entry);
    }
}

/* Its schemas are full of what objects of the kind may have. */
static bool is_definition(struct slice kind)
{
    return slice_is(kind, "CustomResourceDefinition");
}

void manifest_visit_other(struct manifest_visit *walk, struct yaml_found object, struct slice kind,
                          struct slice version)
{
    struct yaml_found metadata = manifest_get(walk, object, "metadata");
    struct other other = {.walk = walk, .custom = kind.len && manifest_is_custom_kind(version)};

    walk->n_switches = 0;
    pod_gate_init(&other.gate, walk->rules, manifest_get_text(walk, metadata, "namespace"));
    manifest_feed_gate(walk, &other.gate, metadata);
    if (object.node && !is_definition(kind))
        count_in(&other, object.node, (struct yaml_found){0}, NO_CONTAINER);
    if (other.pods && !other.images)
        return;
    walk->visitor->other(walk->visitor->context, &(struct manifest_other){
                                                     .document = walk->place.document,
                                                     .line = object.node->line,
                                                     .version = version,
                                                     .kind = kind,
                                                     .object = walk->place.object,
                                                     .images = other.images,
                                                     .images_in_pods = other.in_pods,
                                                 });
}
