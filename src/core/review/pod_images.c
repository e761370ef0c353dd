/*
 * One pass over the four lists of a pod's spec in a fixed order. A list or image of the wrong
 * shape makes the whole pod misshapen (the API server will refuse it): half a pod is never
 * rewritten.
 */
#include "pullthrough/core/review/pod_images.h"

#include "pullthrough/core/json/json_member.h"

static const struct {
    enum pod_image_list list;
    const char *field;
} lists_in_order[] = {
    {POD_CONTAINERS, "containers"},
    {POD_INIT_CONTAINERS, "initContainers"},
    {POD_EPHEMERAL_CONTAINERS, "ephemeralContainers"},
    {POD_IMAGE_VOLUMES, "volumes"},
};
enum { LISTS = sizeof(lists_in_order) / sizeof(lists_in_order[0]) };

const char *pod_image_field(enum pod_image_list list)
{
    size_t i = 0;

    while (lists_in_order[i].list != list)
        i++;
    return lists_in_order[i].field;
}

/* A string, or nothing (absent and null are the same); anything else is not a pod of ours. */
static int take_text(yyjson_val *value, struct slice *text)
{
    *text = json_text(value);
    return value && !yyjson_is_str(value) ? POD_IMAGES_MISSHAPEN : 0;
}

static int read_volume(yyjson_val *source, struct pod_image *image)
{
    yyjson_val *reference, *policy;
    const struct json_wanted wanted[] = {JSON_WANTED("reference", &reference),
                                         JSON_WANTED("pullPolicy", &policy)};

    if (source && !yyjson_is_obj(source))
        return POD_IMAGES_MISSHAPEN;
    json_members(source, wanted, 2);
    image->never = slice_is(json_text(policy), "Never");
    return take_text(reference, &image->text);
}

static int read_entry(yyjson_val *entry, struct pod_image *image)
{
    yyjson_val *name, *value, *policy;
    const struct json_wanted wanted[] = {JSON_WANTED("name", &name), JSON_WANTED("image", &value),
                                         JSON_WANTED("imagePullPolicy", &policy)};

    if (!yyjson_is_obj(entry))
        return POD_IMAGES_MISSHAPEN;
    json_members(entry, wanted, 3);
    image->name = json_text(name);
    if (image->list == POD_IMAGE_VOLUMES)
        return read_volume(value, image);
    image->never = slice_is(json_text(policy), "Never");
    return take_text(value, &image->text);
}

static int collect_list(yyjson_val *list, enum pod_image_list which, struct pod_image *images,
                        size_t *n)
{
    yyjson_arr_iter iter;
    yyjson_val *entry;

    if (!list)
        return 0;
    if (!yyjson_arr_iter_init(list, &iter))
        return POD_IMAGES_MISSHAPEN;
    for (uint32_t index = 0; (entry = yyjson_arr_iter_next(&iter)); index++) {
        struct pod_image image = {.list = (uint8_t)which, .index = index};

        if (read_entry(entry, &image))
            return POD_IMAGES_MISSHAPEN;
        if (which != POD_IMAGE_VOLUMES || image.text.len)
            images[(*n)++] = image;
    }
    return 0;
}

int pod_images_collect(yyjson_val *pod, unsigned lists, size_t most, struct arena *arena,
                       struct pod_image **images, size_t *n)
{
    yyjson_val *spec = json_member(pod, "spec");
    yyjson_val *found[LISTS];
    struct json_wanted wanted[LISTS];
    size_t total = 0;

    *n = 0;
    *images = NULL;
    if (!yyjson_is_obj(spec))
        return POD_IMAGES_MISSHAPEN;
    for (size_t i = 0; i < LISTS; i++)
        wanted[i] = (struct json_wanted){slice_str(lists_in_order[i].field), &found[i]};
    json_members(spec, wanted, LISTS);
    for (size_t i = 0; i < LISTS; i++) {
        if (!(lists & (unsigned)lists_in_order[i].list))
            found[i] = NULL;
        total += yyjson_arr_size(found[i]);
    }
    if (total > most)
        return POD_IMAGES_TOO_MANY;
    *images = arena_try_alloc(arena, total * sizeof(**images));
    if (!*images)
        return POD_IMAGES_TOO_MUCH;
    for (size_t i = 0; i < LISTS; i++)
        if (collect_list(found[i], lists_in_order[i].list, *images, n))
            return POD_IMAGES_MISSHAPEN;
    return 0;
}
