/*
 * The names are those that `rewrite` would write, without the host. What can't be imported by any
 * call is known before one is made: a digest without a tag only once ECR was asked for it.
 */
#include "warm_list.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/rules/rewrite.h"

#include <stdlib.h>
#include <string.h>

const char *warm_state_name(enum warm_state state)
{
    static const char *const names[WARM_STATE_COUNT] = {"missing", "cached", "imported", "failed"};

    return names[state];
}

void warm_image_fail(struct warm_image *image, const char *reason, const char *advice)
{
    image->state = WARM_FAILED;
    alloc_replace(&image->reason, reason);
    image->advice = advice;
}

struct making {
    struct warm_list *list;
    const struct scan_rules *rules;
};

static struct warm_image *add(struct warm_list *list, const struct scan_image *image,
                              struct rewrite_name name)
{
    struct warm_image *added;

    list->items = alloc_grown(list->items, list->n, &list->size, sizeof(*list->items));
    added = &list->items[list->n++];
    *added = (struct warm_image){
        .name = image->name,
        .upstream = image->upstream,
        .repository = arena_text(&list->arena, name.repository),
        .tag = arena_text(&list->arena, name.tag),
        .digest = arena_text(&list->arena, name.digest),
    };
    return added;
}

static struct rewrite_name name_of(const struct making *making, struct slice target)
{
    return rewrite_name_of(slice_from(target, rule_set_host(making->rules->rules).len + 1));
}

static void add_wanted(void *context, const struct scan_image *image, struct slice target)
{
    const struct making *making = context;

    (void)add(making->list, image, name_of(making, target));
}

/* It would be rewritten if its rule were ready. */
static void add_unready(void *context, const struct scan_image *image, struct slice namespace)
{
    STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(REWRITE_TEXT_MAX);
    const struct making *making = context;
    const struct reconcile_report *live = &making->rules->live;
    size_t upstream = (size_t)image->upstream;
    const struct upstream_status *status;
    struct warm_image *added;
    struct error reason;

    (void)namespace;
    if (!(image->outcomes & SCAN_BIT(OUTCOME_RULE_NOT_READY)) ||
        (image->outcomes & SCAN_BIT(OUTCOME_REWRITTEN)) || image->upstream < 0 ||
        !rewrite_static(making->rules->rules, image->name, &target))
        return;
    added = add(making->list, image, name_of(making, strbuf_slice(&target)));
    status = upstream < live->n_statuses ? &live->statuses[upstream] : NULL;
    if (!status || status->state == UPSTREAM_READY)
        (void)error_set(&reason, "another rule of ECR's takes images of this path");
    else
        (void)error_set(&reason, "%.*s is %s: %s",
                        SLICE_FMT(rule_set_registry(making->rules->rules, image->upstream)),
                        upstream_state_name(status->state),
                        status->reason ? status->reason : "not judged");
    warm_image_fail(added, reason.text,
                    "see `pullthrough rules list`; `pullthrough rules apply` makes the rules that "
                    "are missing");
}

void warm_list_make(struct warm_list *list, const struct scan *scan, const struct scan_rules *rules)
{
    struct making making = {list, rules};

    *list = (struct warm_list){.items = NULL};
    arena_init(&list->arena, 0);
    scan_each_wanted(scan, add_wanted, &making);
    scan_each_image(scan, add_unready, &making);
}

void warm_list_fini(struct warm_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].reason);
    free(list->items);
    arena_fini(&list->arena);
}

size_t warm_list_count(const struct warm_list *list, enum warm_state state, uint64_t *bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].state == state) {
            n++;
            *bytes += list->items[i].size_bytes;
        }
    return n;
}
