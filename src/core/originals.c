#include "pullthrough/core/originals.h"

#include "pullthrough/core/json_arena.h"
#include "pullthrough/core/json_member.h"

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

static void add_entry(struct strbuf *map, struct slice key, struct slice value)
{
    strbuf_add_char(map, map->len ? ',' : '{');
    strbuf_add_json(map, key);
    strbuf_add_char(map, ':');
    strbuf_add_json(map, value);
}

static bool add_existing(struct strbuf *map, yyjson_val *existing)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_obj_iter_init(existing, &iter))
        return true;
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (!yyjson_is_str(value))
            return false;
        add_entry(map, json_text(key), json_text(value));
    }
    return true;
}

static bool is_there(yyjson_val *existing, struct slice key)
{
    return yyjson_obj_getn(existing, key.ptr, key.len) != NULL;
}

static bool is_repeated(const struct pod_image *images, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (images[i].list == images[at].list && slice_equal(images[i].name, images[at].name))
            return true;
    return false;
}

static size_t add_new(struct strbuf *map, yyjson_val *existing, const struct pod_image *images,
                      size_t n)
{
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(ORIGINALS_ALL_ANNOTATIONS_MAX);
    size_t added = 0;

    for (size_t i = 0; i < n; i++) {
        if (images[i].name.len == 0 || is_repeated(images, i))
            continue;
        strbuf_clear(&key);
        strbuf_add_str(&key, pod_image_field(images[i].list));
        strbuf_add_char(&key, '/');
        strbuf_add_slice(&key, images[i].name);
        if (strbuf_overflowed(&key) || is_there(existing, strbuf_slice(&key)))
            continue;
        add_entry(map, strbuf_slice(&key), images[i].text);
        added++;
    }
    return added;
}

void originals_record(struct patch *patch, yyjson_val *pod, const struct pod_image *rewritten,
                      size_t n, struct arena *arena)
{
    STRBUF_CLEANUP struct strbuf map = STRBUF_INIT(ORIGINALS_ALL_ANNOTATIONS_MAX);
    struct found found;

    if (!look(pod, arena, &found) || !add_existing(&map, found.existing) ||
        add_new(&map, found.existing, rewritten, n) == 0)
        return;
    strbuf_add_char(&map, '}');
    if (strbuf_overflowed(&map) ||
        found.other_bytes + strlen(ORIGINALS_ANNOTATION) + map.len > ORIGINALS_ALL_ANNOTATIONS_MAX)
        return;
    patch_set_annotation(patch, found.map_exists, ORIGINALS_ANNOTATION, strbuf_slice(&map));
}
