/*
 * Nothing here is trusted further than it goes: an annotation is the user's, but all that it can
 * do is that a container keeps the image that it runs.
 */
#include "review_update.h"

#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/review/review.h"
#include "pullthrough/core/rules/rewrite.h"

int review_update_init(struct review_update *update, const struct rule_set *rules, yyjson_val *pod,
                       unsigned lists, struct arena *arena)
{
    *update = (struct review_update){.rules = rules, .arena = arena, .pod = pod};
    return pod_images_collect(pod, lists, REVIEW_IMAGES_MAX, arena, &update->images, &update->n);
}

static bool make_index(struct review_update *update, struct pod_image_index *index, bool *made,
                       const struct pod_image *images, size_t n)
{
    if (!*made && !pod_image_index_init(index, images, n, update->arena))
        update->too_much = true;
    *made = true;
    return !update->too_much;
}

const struct pod_image *review_update_old(struct review_update *update,
                                          const struct pod_image *image, size_t hint)
{
    if (hint < update->n && update->images[hint].list == image->list &&
        slice_equal(update->images[hint].name, image->name))
        return &update->images[hint];
    if (!make_index(update, &update->by_name, &update->has_by_name, update->images, update->n))
        return NULL;
    return pod_image_index_first(&update->by_name, image->list, image->name);
}

bool review_update_brings(const struct pod_image *image, const struct pod_image *old)
{
    if (image->name.len == 0)
        return false;
    if (image->list == POD_EPHEMERAL_CONTAINERS)
        return old == NULL;
    return old != NULL && !slice_equal(image->text, old->text);
}

/* One container's status, as an image whose text is what it waits for; "" if it doesn't. */
static struct pod_image read_status(yyjson_val *status, enum pod_image_list list)
{
    yyjson_val *name, *state;
    const struct json_wanted wanted[] = {JSON_WANTED("name", &name), JSON_WANTED("state", &state)};

    json_members(status, wanted, 2);
    return (struct pod_image){
        .list = (uint8_t)list,
        .name = json_text(name),
        .text = json_text(json_member(json_member(state, "waiting"), "reason")),
    };
}

/* kubernetes/api, core/v1/types.go, PodStatus. */
static void read_statuses(struct review_update *update)
{
    yyjson_val *status = json_member(update->pod, "status"), *found[2], *entry;
    const struct json_wanted wanted[] = {JSON_WANTED("containerStatuses", &found[0]),
                                         JSON_WANTED("initContainerStatuses", &found[1])};
    static const enum pod_image_list lists[] = {POD_CONTAINERS, POD_INIT_CONTAINERS};
    struct pod_image *waiting;
    size_t n = 0;

    json_members(status, wanted, 2);
    waiting = arena_try_alloc(
        update->arena, (yyjson_arr_size(found[0]) + yyjson_arr_size(found[1])) * sizeof(*waiting));
    if (!waiting) {
        update->too_much = true;
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        yyjson_arr_iter iter;

        if (yyjson_arr_iter_init(found[i], &iter))
            while ((entry = yyjson_arr_iter_next(&iter)))
                waiting[n++] = read_status(entry, lists[i]);
    }
    (void)make_index(update, &update->waiting, &update->has_waiting, waiting, n);
}

/* Nothing runs that could be restarted (pkg/kubelet/images/types.go has the words). */
static bool pull_failed(struct review_update *update, const struct pod_image *image)
{
    static const char *const reasons[] = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable",
                                          "ErrImageNeverPull"};
    const struct pod_image *status;

    if (!update->has_waiting)
        read_statuses(update);
    if (update->too_much)
        return false;
    status = pod_image_index_last(&update->waiting, image->list, image->name);
    for (size_t i = 0; status && i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (slice_is(status->text, reasons[i]))
            return true;
    return false;
}

static bool is_static_rewriting(const struct review_update *update, struct slice text,
                                struct slice old)
{
    STRBUF_CLEANUP struct strbuf rewritten = STRBUF_INIT(REWRITE_TEXT_MAX);

    return rewrite_static(update->rules, text, &rewritten) &&
           slice_equal(strbuf_slice(&rewritten), old);
}

/* An annotation may be older than the image: versions before 0.2 didn't let it follow an update.
 * So the image must look like a rewriting of what the annotation names. */
static bool is_recorded_rewriting(struct review_update *update, const struct pod_image *image,
                                  struct slice old)
{
    if (!update->has_originals)
        originals_read(&update->originals, update->pod, update->arena);
    update->has_originals = true;
    return slice_equal(originals_find(&update->originals, image), image->text) &&
           rewrite_may_be_of(old, image->text);
}

bool review_update_keeps(struct review_update *update, const struct pod_image *image,
                         const struct pod_image *old)
{
    return (is_static_rewriting(update, image->text, old->text) ||
            is_recorded_rewriting(update, image, old->text)) &&
           !pull_failed(update, image);
}
