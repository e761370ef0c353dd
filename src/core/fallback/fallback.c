/*
 * Two lists of what is turned away, and whether the registry is open; each call first lets go what
 * is due. Everything is judged by when it happened, so that the order and the delay in which it is
 * told hardly matter.
 */
#include "fallback_state.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

const char *pull_class_name(enum pull_class class)
{
    static const char *const names[PULL_CLASS_COUNT] = {"absent",    "refused",     "login",
                                                        "throttled", "unreachable", "other"};

    return names[class];
}

static void list_init(struct fallback_list *list, size_t most)
{
    *list =
        (struct fallback_list){.items = alloc_zeroed(most, sizeof(list->items[0])), .most = most};
}

static void list_fini(struct fallback_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free((char *)list->items[i].entry.name.ptr);
    free(list->items);
}

static struct fallback_item *list_get(const struct fallback_list *list, struct slice name)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_equal(list->items[i].entry.name, name))
            return &list->items[i];
    return NULL;
}

static void list_remove(struct fallback_list *list, struct fallback_item *item)
{
    free((char *)item->entry.name.ptr);
    *item = list->items[--list->n];
}

/* Make room by what ends first, or ended first. */
static void list_shorten(struct fallback *fallback, struct fallback_list *list)
{
    struct fallback_item *first = list->items;

    for (size_t i = 1; i < list->n; i++)
        if (list->items[i].entry.until_ms < first->entry.until_ms)
            first = &list->items[i];
    fallback->dropped += first->live;
    list_remove(list, first);
}

static struct fallback_item *list_add(struct fallback *fallback, struct fallback_list *list,
                                      struct slice name)
{
    if (list->n == list->most)
        list_shorten(fallback, list);
    list->items[list->n] = (struct fallback_item){
        .entry.name = slice_of(alloc_text(name), name.len), .next_ms = fallback->remember_ms};
    return &list->items[list->n++];
}

struct fallback *fallback_new(const struct fallback_settings *settings)
{
    struct fallback *fallback = alloc_zeroed(1, sizeof(*fallback));

    fallback->remember_ms =
        settings->remember_ms < FALLBACK_LONGEST_MS ? settings->remember_ms : FALLBACK_LONGEST_MS;
    fallback->now_ms = INT64_MIN;
    fallback->ripe_ms = INT64_MIN;
    fallback->due_ms = INT64_MAX;
    list_init(&fallback->images, FALLBACK_IMAGES_MAX);
    list_init(&fallback->upstreams, FALLBACK_UPSTREAMS_MAX);
    return fallback;
}

void fallback_free(struct fallback *fallback)
{
    if (!fallback)
        return;
    list_fini(&fallback->images);
    list_fini(&fallback->upstreams);
    free(fallback);
}

static void expect(struct fallback *fallback, int64_t at_ms)
{
    if (at_ms < fallback->due_ms)
        fallback->due_ms = at_ms;
}

/* What is over stays remembered for a while, since it is longer the next time. */
static unsigned settle_list(struct fallback *fallback, struct fallback_list *list)
{
    unsigned changes = 0;

    for (size_t i = list->n; i-- > 0;) {
        struct fallback_item *item = &list->items[i];

        if (item->live && item->entry.until_ms <= fallback->now_ms) {
            item->live = false;
            item->again = true;
            changes = FALLBACK_ENDED;
        }
        if (item->live)
            expect(fallback, item->entry.until_ms);
        else if (item->entry.until_ms + FALLBACK_LONGEST_MS <= fallback->now_ms)
            list_remove(list, item);
        else
            expect(fallback, item->entry.until_ms + FALLBACK_LONGEST_MS);
    }
    return changes;
}

/* When the registry opens or closes next, as far as that is known; INT64_MAX: not by itself. */
static int64_t registry_due(const struct fallback *fallback)
{
    int64_t hold = fallback->ever_changed ? fallback->changed_ms + FALLBACK_HOLD_MS : INT64_MIN;
    int64_t at = INT64_MAX;

    if (fallback->open) {
        at = fallback->news_ms + FALLBACK_SILENCE_MS;
        if (fallback->alive >= FALLBACK_PROBES_UP)
            at = fallback->now_ms;
    } else if (fallback->failed >= FALLBACK_PROBES_DOWN ||
               (fallback->now_ms < fallback->ripe_ms && hold < fallback->ripe_ms)) {
        at = fallback->now_ms;
    }
    return at < hold ? hold : at;
}

static unsigned settle_registry(struct fallback *fallback)
{
    if (registry_due(fallback) > fallback->now_ms)
        return 0;
    fallback->open = !fallback->open;
    fallback->ever_changed = true;
    fallback->changed_ms = fallback->now_ms;
    fallback->news_ms = fallback->now_ms;
    fallback->ripe_ms = INT64_MIN;
    fallback->failed = 0;
    fallback->alive = 0;
    fallback->n_signs = 0;
    return fallback->open ? FALLBACK_OPENED : FALLBACK_CLOSED;
}

static unsigned settle(struct fallback *fallback, int64_t now_ms)
{
    unsigned changes;

    if (now_ms > fallback->now_ms)
        fallback->now_ms = now_ms;
    changes = settle_registry(fallback);
    if (fallback->now_ms < fallback->due_ms)
        return changes;
    fallback->due_ms = INT64_MAX;
    changes |= settle_list(fallback, &fallback->images);
    return changes | settle_list(fallback, &fallback->upstreams);
}

/* Turn `name` away, from when it failed on. False where that is known already (a failure while it
 * is turned away says nothing new) or over by now. */
static bool turn_away(struct fallback *fallback, struct fallback_list *list, struct slice name,
                      const struct fallback_pull *pull, int64_t at_ms)
{
    struct fallback_item *item = list_get(list, name);
    int64_t next_ms = item ? item->next_ms : fallback->remember_ms;
    int64_t until_ms =
        at_ms + (pull->class == PULL_THROTTLED ? (int64_t)FALLBACK_THROTTLED_MS : next_ms);

    if ((item && (item->live || at_ms <= item->entry.until_ms - FALLBACK_GRAIN_MS)) ||
        until_ms <= fallback->now_ms)
        return false;
    if (!item)
        item = list_add(fallback, list, name);
    item->entry.class = pull->class;
    item->entry.since_ms = at_ms;
    item->entry.until_ms = until_ms;
    item->prefix_bytes = pull->prefix.len;
    item->live = true;
    if (pull->class != PULL_THROTTLED)
        item->next_ms = next_ms < FALLBACK_LONGEST_MS / 2 ? 2 * next_ms : FALLBACK_LONGEST_MS;
    expect(fallback, until_ms);
    return true;
}

/* Whether so many images of the upstream failed for the first time about then. Those that fail
 * again and again have a time of their own, and say nothing about others. */
static bool is_upstreams_fault(const struct fallback *fallback, struct slice prefix, int64_t at_ms)
{
    unsigned n = 0;

    for (size_t i = 0; i < fallback->images.n; i++) {
        const struct fallback_item *item = &fallback->images.items[i];
        int64_t apart_ms = item->entry.since_ms - at_ms;

        n += item->live && !item->again && item->prefix_bytes == prefix.len &&
             slice_starts_with(item->entry.name, prefix) &&
             apart_ms < FALLBACK_UPSTREAM_WITHIN_MS && -apart_ms < FALLBACK_UPSTREAM_WITHIN_MS;
    }
    return n >= FALLBACK_UPSTREAM_IMAGES;
}

static unsigned take_image(struct fallback *fallback, const struct fallback_pull *pull,
                           int64_t at_ms)
{
    const struct fallback_item *upstream = list_get(&fallback->upstreams, pull->prefix);

    if (!turn_away(fallback, &fallback->images, pull->image, pull, at_ms))
        return 0;
    if ((upstream && at_ms < upstream->entry.until_ms) ||
        !is_upstreams_fault(fallback, pull->prefix, at_ms) ||
        !turn_away(fallback, &fallback->upstreams, pull->prefix, pull, at_ms))
        return FALLBACK_IMAGE;
    return FALLBACK_IMAGE | FALLBACK_UPSTREAM;
}

static void forget_signs(struct fallback *fallback)
{
    size_t kept = 0;

    for (size_t i = 0; i < fallback->n_signs; i++)
        if (fallback->now_ms - fallback->signs[i].at_ms < FALLBACK_REGISTRY_WITHIN_MS)
            fallback->signs[kept++] = fallback->signs[i];
    fallback->n_signs = kept;
}

/* Keep one more sign; true where it makes them enough. */
static bool add_sign(struct fallback *fallback, const struct fallback_pull *pull, int64_t at_ms)
{
    struct slice node = slice_of(fallback->node, fallback->node_bytes);

    if (fallback->n_signs && !slice_equal(node, pull->node))
        return true;
    for (size_t i = 0; i < fallback->n_signs; i++)
        if (slice_equal(slice_of(fallback->signs[i].image, fallback->signs[i].bytes),
                        pull->image)) {
            if (at_ms > fallback->signs[i].at_ms)
                fallback->signs[i].at_ms = at_ms;
            return false;
        }
    if (fallback->n_signs == FALLBACK_REGISTRY_IMAGES - 1)
        return true;
    if (pull->node.len)
        memcpy(fallback->node, pull->node.ptr, pull->node.len);
    fallback->node_bytes = pull->node.len;
    fallback->signs[fallback->n_signs].at_ms = at_ms;
    fallback->signs[fallback->n_signs].bytes = pull->image.len;
    memcpy(fallback->signs[fallback->n_signs].image, pull->image.ptr, pull->image.len);
    fallback->n_signs++;
    return false;
}

/* Whether the registry is what failed. What happened before it was opened or closed last, has been
 * counted. */
static unsigned take_sign(struct fallback *fallback, const struct fallback_pull *pull,
                          int64_t at_ms)
{
    if ((pull->class != PULL_LOGIN && pull->class != PULL_UNREACHABLE) ||
        (fallback->ever_changed && at_ms < fallback->changed_ms) ||
        fallback->now_ms - at_ms >= FALLBACK_REGISTRY_WITHIN_MS)
        return 0;
    if (fallback->open) {
        fallback->news_ms = fallback->now_ms;
        return 0;
    }
    forget_signs(fallback);
    if (add_sign(fallback, pull, at_ms))
        fallback->ripe_ms = at_ms + FALLBACK_REGISTRY_WITHIN_MS;
    return settle_registry(fallback);
}

unsigned fallback_failure(struct fallback *fallback, const struct fallback_pull *pull,
                          int64_t now_ms)
{
    unsigned changes = settle(fallback, now_ms);
    int64_t age_ms = pull->age_ms > 0 ? pull->age_ms : 0;

    if (pull->class == PULL_OTHER || age_ms >= FALLBACK_LONGEST_MS || pull->image.len == 0 ||
        pull->image.len > FALLBACK_NAME_MAX || pull->prefix.len == 0 ||
        pull->prefix.len > pull->image.len || pull->node.len > FALLBACK_NODE_MAX)
        return changes;
    changes |= take_image(fallback, pull, fallback->now_ms - age_ms);
    return changes | take_sign(fallback, pull, fallback->now_ms - age_ms);
}

unsigned fallback_probe(struct fallback *fallback, bool alive, int64_t now_ms)
{
    unsigned changes = settle(fallback, now_ms);

    fallback->alive = alive ? fallback->alive + 1 : 0;
    fallback->failed = alive ? 0 : fallback->failed + 1;
    fallback->news_ms = fallback->now_ms;
    return changes | settle_registry(fallback);
}

static int64_t first_end(const struct fallback_list *list, int64_t at_ms)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].live && list->items[i].entry.until_ms < at_ms)
            at_ms = list->items[i].entry.until_ms;
    return at_ms;
}

unsigned fallback_settle(struct fallback *fallback, int64_t now_ms, int64_t *next_ms)
{
    unsigned changes = settle(fallback, now_ms);
    int64_t due_ms = first_end(&fallback->upstreams, registry_due(fallback));

    due_ms = first_end(&fallback->images, due_ms);
    *next_ms = due_ms == INT64_MAX ? -1 : due_ms - fallback->now_ms;
    return changes;
}

bool fallback_is_well(const struct fallback *fallback, struct slice prefix, struct slice image)
{
    const struct fallback_item *upstream = list_get(&fallback->upstreams, prefix);
    const struct fallback_item *item = list_get(&fallback->images, image);

    return !fallback->open && fallback->alive && !(upstream && upstream->live) &&
           !(item && item->live);
}

uint64_t fallback_dropped(const struct fallback *fallback)
{
    return fallback->dropped;
}
