#include "pullthrough/core/originals.h"

#include "pullthrough/core/json_arena.h"
#include "pullthrough/core/json_member.h"

#include <stdlib.h>

/* What metadata.annotations says about us and about the room that is left. */
struct found {
    bool map_exists;
    size_t other_bytes;   /* of all other annotations */
    yyjson_val *existing; /* our annotation's JSON object; NULL: there is none yet */
};

/* Last of several keys counts, as everywhere; the others' bytes are then counted too often,
 * which errs on the safe side. */
static bool look(yyjson_val *pod, struct arena *arena, struct found *found)
{
    yyjson_val *metadata = json_member(pod, "metadata");
    yyjson_val *annotations = json_member(metadata, "annotations");
    yyjson_val *ours = json_member(annotations, ORIGINALS_ANNOTATION);
    yyjson_obj_iter iter;
    yyjson_val *key;

    *found = (struct found){0};
    if (!yyjson_is_obj(metadata) || (annotations && !yyjson_is_obj(annotations)))
        return false;
    found->map_exists = annotations != NULL;
    if (ours) {
        if (json_text(ours).len > ORIGINALS_ALL_ANNOTATIONS_MAX)
            return false;
        found->existing = json_arena_read(arena, json_text(ours));
        if (!yyjson_is_obj(found->existing))
            return false;
    }
    if (!yyjson_obj_iter_init(annotations, &iter))
        return true;
    while ((key = yyjson_obj_iter_next(&iter)))
        if (!yyjson_equals_str(key, ORIGINALS_ANNOTATION))
            found->other_bytes += yyjson_get_len(key) + json_text(yyjson_obj_iter_get_val(key)).len;
    return true;
}

/* One entry of the map, old or new. */
struct entry {
    struct slice key, value;
    size_t order; /* of appearance; the old ones come first */
    bool left_out;
};

struct entries {
    struct entry *items; /* in the arena */
    size_t n, n_old;
};

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = *(struct entry *const *)left, *b = *(struct entry *const *)right;
    size_t len = a->key.len < b->key.len ? a->key.len : b->key.len;
    int order = len ? memcmp(a->key.ptr, b->key.ptr, len) : 0;

    if (order == 0 && a->key.len != b->key.len)
        order = a->key.len < b->key.len ? -1 : 1;
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* The old map's entries; false if it is not ours, because a value is no text. */
static bool read_old(struct entries *entries, yyjson_val *existing)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_obj_iter_init(existing, &iter))
        return true;
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (!yyjson_is_str(value))
            return false;
        entries->items[entries->n] =
            (struct entry){.key = json_text(key), .value = json_text(value), .order = entries->n};
        entries->n++;
    }
    entries->n_old = entries->n;
    return true;
}

static void read_new(struct entries *entries, const struct pod_image *image, struct arena *arena)
{
    struct slice field = slice_str(pod_image_field(image->list));
    char *key;

    if (image->name.len == 0)
        return;
    key = arena_alloc(arena, field.len + 1 + image->name.len);
    memcpy(key, field.ptr, field.len);
    key[field.len] = '/';
    memcpy(key + field.len + 1, image->name.ptr, image->name.len);
    entries->items[entries->n] =
        (struct entry){.key = slice_of(key, field.len + 1 + image->name.len),
                       .value = image->text,
                       .order = entries->n};
    entries->n++;
}

/* A new entry whose key is there already is left out: what was recorded first is what the
 * user wrote. By sorting, because hostile reviews have thousands. Returns how many new ones
 * are left. */
static size_t leave_out_repeated(struct entries *entries, struct arena *arena)
{
    struct entry **sorted = arena_alloc(arena, entries->n * sizeof(struct entry *));
    size_t left = entries->n - entries->n_old;

    for (size_t i = 0; i < entries->n; i++)
        sorted[i] = &entries->items[i];
    qsort(sorted, entries->n, sizeof(struct entry *), compare_entries);
    for (size_t i = 1; i < entries->n; i++)
        if (sorted[i]->order >= entries->n_old && slice_equal(sorted[i - 1]->key, sorted[i]->key)) {
            sorted[i]->left_out = true;
            left--;
        }
    return left;
}

static void print_map(const struct entries *entries, struct strbuf *map)
{
    for (size_t i = 0; i < entries->n && !strbuf_overflowed(map); i++) {
        if (entries->items[i].left_out)
            continue;
        strbuf_add_char(map, map->len ? ',' : '{');
        strbuf_add_json(map, entries->items[i].key);
        strbuf_add_char(map, ':');
        strbuf_add_json(map, entries->items[i].value);
    }
    strbuf_add_char(map, '}');
}

void originals_record(struct patch *patch, yyjson_val *pod, const struct pod_image *rewritten,
                      size_t n, struct arena *arena)
{
    STRBUF_CLEANUP struct strbuf map = STRBUF_INIT(ORIGINALS_ALL_ANNOTATIONS_MAX);
    struct entries entries = {0};
    struct found found;

    if (!look(pod, arena, &found))
        return;
    entries.items =
        arena_alloc(arena, (yyjson_obj_size(found.existing) + n) * sizeof(*entries.items));
    if (!read_old(&entries, found.existing))
        return;
    for (size_t i = 0; i < n; i++)
        read_new(&entries, &rewritten[i], arena);
    if (leave_out_repeated(&entries, arena) == 0)
        return;
    print_map(&entries, &map);
    if (strbuf_overflowed(&map) ||
        found.other_bytes + strlen(ORIGINALS_ANNOTATION) + map.len > ORIGINALS_ALL_ANNOTATIONS_MAX)
        return;
    patch_set_annotation(patch, found.map_exists, ORIGINALS_ANNOTATION, strbuf_slice(&map));
}
