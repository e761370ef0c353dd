/*
 * The annotation is read whole, and written whole behind the operations on images: straight into
 * the patch, as the string in a string that it is there, so that it takes no memory twice.
 */
#include "originals.h"

#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/rules/rewrite.h"

/* "containers/web" -> its list and "web"; any other key stays whole, in no list. */
static struct pod_image read_key(struct slice key)
{
    static const enum pod_image_list lists[] = {POD_CONTAINERS, POD_INIT_CONTAINERS,
                                                POD_EPHEMERAL_CONTAINERS, POD_IMAGE_VOLUMES};
    size_t slash = slice_find(key, '/');

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && slash + 1 < key.len; i++)
        if (slice_is(slice_of(key.ptr, slash), pod_image_field(lists[i])))
            return (struct pod_image){.list = (uint8_t)lists[i],
                                      .name = slice_from(key, slash + 1)};
    return (struct pod_image){.name = key};
}

static bool read_entries(struct originals *originals, struct slice text, struct arena *arena)
{
    bool too_much;
    yyjson_val *map = json_arena_read(arena, text, &too_much), *key;
    yyjson_obj_iter iter;
    size_t n = 0;

    if (!yyjson_obj_iter_init(map, &iter))
        return false;
    originals->entries = arena_try_alloc(arena, yyjson_obj_size(map) * sizeof(struct pod_image));
    if (!originals->entries)
        return false;
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (!yyjson_is_str(value))
            return false;
        originals->entries[n] = read_key(json_text(key));
        originals->entries[n++].text = json_text(value);
    }
    return pod_image_index_init(&originals->index, originals->entries, n, arena);
}

/* Last of several keys counts, as everywhere; the others' bytes are then counted too often,
 * which errs on the safe side. */
void originals_read(struct originals *originals, yyjson_val *pod, struct arena *arena)
{
    yyjson_val *metadata = json_member(pod, "metadata");
    yyjson_val *annotations = json_member(metadata, "annotations");
    yyjson_val *ours = NULL, *key;
    yyjson_obj_iter iter;

    *originals = (struct originals){.map_exists = annotations != NULL};
    if (!yyjson_is_obj(metadata) || (annotations && !yyjson_is_obj(annotations)))
        return;
    if (yyjson_obj_iter_init(annotations, &iter))
        while ((key = yyjson_obj_iter_next(&iter))) {
            yyjson_val *value = yyjson_obj_iter_get_val(key);

            if (yyjson_equals_str(key, ORIGINALS_ANNOTATION))
                ours = value;
            else
                originals->other_bytes += yyjson_get_len(key) + json_text(value).len;
        }
    originals->possible = !ours || yyjson_is_null(ours) ||
                          (json_text(ours).len <= ALL_ANNOTATIONS_MAX &&
                           read_entries(originals, json_text(ours), arena));
}

struct slice originals_find(struct originals *originals, const struct pod_image *image)
{
    const struct pod_image *entry =
        originals->possible ? pod_image_index_last(&originals->index, image->list, image->name)
                            : NULL;

    return entry ? entry->text : slice_of(NULL, 0);
}

/* One writing of the annotation. */
struct writing {
    struct patch *patch;
    size_t bytes;   /* of the map */
    size_t n;       /* entries in it */
    size_t changes; /* against the one that is there */
};

static void write_entry(struct writing *writing, const struct pod_image *entry, struct slice text)
{
    struct strbuf *out = writing->patch->out;
    struct slice field = slice_str(entry->list ? pod_image_field(entry->list) : "");

    strbuf_add_str(out, writing->n++ ? ",\\\"" : "{\\\"");
    strbuf_add_slice(out, field);
    strbuf_add_str(out, entry->list ? "/" : "");
    writing->bytes += field.len + (entry->list ? 1 : 0) + strbuf_add_json_inside(out, entry->name);
    strbuf_add_str(out, "\\\":\\\"");
    writing->bytes += strbuf_add_json_inside(out, text);
    strbuf_add_str(out, "\\\"");
    writing->bytes += strlen(",\"\":\"\"");
}

/* What becomes of an entry that is there: its text, or nothing (a NULL ptr). The images of its
 * name (a valid pod has one at most) are order[first] and n - 1 more. */
static struct slice text_then(const struct pod_image *entry, const struct pod_image_index *images,
                              size_t first, size_t n, const struct rule_set *rules)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REWRITE_TEXT_MAX);

    for (size_t i = first; i < first + n; i++)
        if (images->images[images->order[i]].entry == ORIGINALS_SET)
            return images->images[images->order[i]].text;
    if (!rewrite_static(rules, entry->text, &text))
        strbuf_clear(&text);
    for (size_t i = first; i < first + n; i++) {
        const struct pod_image *image = &images->images[images->order[i]];

        if (image->entry == ORIGINALS_KEEP ||
            (text.len && slice_equal(image->text, strbuf_slice(&text))))
            return entry->text;
    }
    return slice_of(NULL, 0);
}

static void write_old(struct writing *writing, const struct pod_image *entry,
                      struct pod_image_index *images, bool created, const struct rule_set *rules)
{
    size_t first, n = pod_image_index_find(images, entry->list, entry->name, &first);
    struct slice text = entry->text;

    if (n || created)
        text = text_then(entry, images, first, n, rules);
    if (text.ptr)
        write_entry(writing, entry, text);
    writing->changes += !text.ptr || !slice_equal(text, entry->text);
}

/* Of several images of a name the first one that sets the entry is what it is of. */
static void settle_repeated(const struct pod_image_index *index, struct pod_image *images)
{
    const struct pod_image *set = NULL;

    for (size_t i = 0; i < index->n; i++) {
        struct pod_image *image = &images[index->order[i]];

        if (image->entry != ORIGINALS_SET)
            continue;
        if (set && set->list == image->list && slice_equal(set->name, image->name))
            image->entry = ORIGINALS_KEEP;
        else
            set = image;
    }
}

static void write_all(struct writing *writing, struct originals *originals,
                      const struct pod_image *images, size_t n, bool created,
                      const struct rule_set *rules, struct pod_image_index *index)
{
    for (size_t i = 0; i < originals->index.n; i++) {
        const struct pod_image *entry = &originals->entries[i];

        /* of two entries of a name the last one counts */
        if (!entry->list ||
            pod_image_index_last(&originals->index, entry->list, entry->name) == entry)
            write_old(writing, entry, index, created, rules);
    }
    for (size_t i = 0; i < n; i++)
        if (images[i].entry == ORIGINALS_SET && images[i].name.len &&
            originals_find(originals, &images[i]).ptr == NULL) {
            write_entry(writing, &images[i], images[i].text);
            writing->changes++;
        }
    strbuf_add_str(writing->patch->out, writing->n ? "}" : "{}");
    writing->bytes += writing->n ? 1 : 2;
}

void originals_write(struct patch *patch, struct originals *originals, struct pod_image *images,
                     size_t n, bool created, const struct rule_set *rules, struct arena *arena)
{
    struct writing writing = {.patch = patch};
    struct pod_image_index index = {0};
    size_t start = patch->out->len;

    if (!originals->possible || !pod_image_index_init(&index, images, n, arena))
        return;
    settle_repeated(&index, images);
    patch_begin_annotation(patch, originals->map_exists, ORIGINALS_ANNOTATION);
    write_all(&writing, originals, images, n, created, rules, &index);
    patch_end_annotation(patch, originals->map_exists);
    if (writing.changes == 0 || strbuf_overflowed(patch->out) ||
        originals->other_bytes + strlen(ORIGINALS_ANNOTATION) + writing.bytes > ALL_ANNOTATIONS_MAX)
        patch_take_back(patch, start);
}
