/*
 * Two lists of what is turned away, or must go to the cache; each call first lets go what is due.
 * Everything is judged by when it happened, so that the order and the delay in which it is told
 * hardly matter.
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
    list->items[list->n] =
        (struct fallback_item){.entry.name = slice_of(alloc_text(name), name.len),
                               .next_ms = {fallback->remember_ms, fallback->remember_ms}};
    return &list->items[list->n++];
}

static int64_t bounded(int64_t remember_ms)
{
    return remember_ms < FALLBACK_LONGEST_MS ? remember_ms : FALLBACK_LONGEST_MS;
}

struct fallback *fallback_new(const struct fallback_settings *settings)
{
    struct fallback *fallback = alloc_zeroed(1, sizeof(*fallback));

    fallback->remember_ms = bounded(settings->remember_ms);
    fallback->now_ms = INT64_MIN;
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

static unsigned settle(struct fallback *fallback, int64_t now_ms)
{
    unsigned changes;

    if (now_ms > fallback->now_ms)
        fallback->now_ms = now_ms;
    changes = fallback_registry_settle(&fallback->registry, fallback->now_ms);
    if (fallback->now_ms < fallback->due_ms)
        return changes;
    fallback->due_ms = INT64_MAX;
    changes |= settle_list(fallback, &fallback->images);
    return changes | settle_list(fallback, &fallback->upstreams);
}

/* Whether this changes where it goes. What is told late, or again, doesn't; nor does what fails on
 * the way that it doesn't go now. Its own name's failure counts while it is turned away; the
 * cache's, while its own name has failed, doesn't: nothing would be won, and it would never end. */
static bool is_news(struct fallback_item *item, const struct fallback_pull *pull, int64_t at_ms,
                    int64_t until_ms)
{
    if (!item->live)
        return at_ms > item->entry.until_ms - FALLBACK_GRAIN_MS;
    if (item->entry.own && !pull->own && until_ms > item->sick_ms)
        item->sick_ms = until_ms;
    return !item->entry.own && pull->own && at_ms > item->entry.since_ms - FALLBACK_GRAIN_MS;
}

/* Turn `name` away from the cache, or to it, from when it failed on. False where that changes
 * nothing, or is over by now. */
static bool turn(struct fallback *fallback, struct fallback_list *list, struct slice name,
                 const struct fallback_pull *pull, int64_t at_ms)
{
    struct fallback_item *item = list_get(list, name);
    int64_t next_ms = item ? item->next_ms[pull->own] : fallback->remember_ms;
    int64_t until_ms =
        at_ms + (pull->class == PULL_THROTTLED ? (int64_t)FALLBACK_THROTTLED_MS : next_ms);

    if (until_ms <= fallback->now_ms || (item && !is_news(item, pull, at_ms, until_ms)))
        return false;
    if (!item)
        item = list_add(fallback, list, name);
    item->sick_ms = item->live ? item->entry.until_ms : 0;
    item->entry.class = pull->class;
    item->entry.own = pull->own;
    item->entry.since_ms = at_ms;
    item->entry.until_ms = until_ms;
    item->prefix_bytes = pull->prefix.len;
    item->live = true;
    if (pull->class != PULL_THROTTLED && list == &fallback->images)
        item->next_ms[pull->own] =
            next_ms < FALLBACK_LONGEST_MS / 2 ? 2 * next_ms : FALLBACK_LONGEST_MS;
    expect(fallback, until_ms);
    return true;
}

/* Whether so many images of the upstream failed the same way about then. Those that the cache fails
 * again and again have a time of their own, and say nothing about others. */
static bool is_upstreams_fault(const struct fallback *fallback, const struct fallback_pull *pull,
                               int64_t at_ms)
{
    unsigned n = 0;

    for (size_t i = 0; i < fallback->images.n; i++) {
        const struct fallback_item *item = &fallback->images.items[i];
        int64_t apart_ms = item->entry.since_ms - at_ms;

        n += item->live && item->entry.own == pull->own &&
             (pull->own ? item->entry.class == PULL_UNREACHABLE : !item->again) &&
             item->prefix_bytes == pull->prefix.len &&
             slice_starts_with(item->entry.name, pull->prefix) &&
             apart_ms < FALLBACK_UPSTREAM_WITHIN_MS && -apart_ms < FALLBACK_UPSTREAM_WITHIN_MS;
    }
    return n >= FALLBACK_UPSTREAM_IMAGES;
}

static bool is_away(const struct fallback_item *item)
{
    return item && item->live && !item->entry.own;
}

/* Else its own name is none that we gave it: what fails there says nothing about the cache. */
static bool is_turned_away(const struct fallback *fallback, const struct fallback_pull *pull)
{
    const struct fallback_item *upstream = list_get(&fallback->upstreams, pull->prefix);
    bool reached = !(upstream && upstream->live && upstream->entry.own);

    return is_away(list_get(&fallback->images, pull->image)) || is_away(upstream) ||
           (fallback->registry.open && reached);
}

static unsigned take_image(struct fallback *fallback, const struct fallback_pull *pull,
                           int64_t at_ms)
{
    const struct fallback_item *upstream = list_get(&fallback->upstreams, pull->prefix);

    if (pull->own && !is_turned_away(fallback, pull))
        return 0;
    if (!turn(fallback, &fallback->images, pull->image, pull, at_ms))
        return 0;
    if ((upstream && !pull->own && at_ms < upstream->entry.until_ms) ||
        !is_upstreams_fault(fallback, pull, at_ms) ||
        !turn(fallback, &fallback->upstreams, pull->prefix, pull, at_ms))
        return FALLBACK_IMAGE;
    return FALLBACK_IMAGE | FALLBACK_UPSTREAM;
}

unsigned fallback_failure(struct fallback *fallback, const struct fallback_pull *pull,
                          int64_t now_ms)
{
    unsigned changes = settle(fallback, now_ms);
    int64_t age_ms = pull->age_ms > 0 ? pull->age_ms : 0;

    if (pull->class == PULL_OTHER || (pull->own && pull->class == PULL_THROTTLED) ||
        age_ms >= FALLBACK_LONGEST_MS || pull->image.len == 0 ||
        pull->image.len > FALLBACK_NAME_MAX || pull->prefix.len == 0 ||
        pull->prefix.len > pull->image.len || pull->node.len > FALLBACK_NODE_MAX ||
        pull->namespace.len > FALLBACK_NAMESPACE_MAX)
        return changes;
    changes |= take_image(fallback, pull, fallback->now_ms - age_ms);
    if (pull->own)
        return changes;
    return changes | fallback_registry_failure(&fallback->registry, pull, fallback->now_ms - age_ms,
                                               fallback->now_ms);
}

unsigned fallback_probe(struct fallback *fallback, bool alive, int64_t now_ms)
{
    unsigned changes = settle(fallback, now_ms);

    return changes | fallback_registry_probe(&fallback->registry, alive, fallback->now_ms);
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
    int64_t due_ms = first_end(&fallback->upstreams,
                               fallback_registry_due(&fallback->registry, fallback->now_ms));

    due_ms = first_end(&fallback->images, due_ms);
    *next_ms = due_ms == INT64_MAX ? -1 : due_ms - fallback->now_ms;
    return changes;
}

static bool is_sick(const struct fallback *fallback, const struct fallback_item *item)
{
    return item && item->live && (!item->entry.own || fallback->now_ms < item->sick_ms);
}

bool fallback_is_well(const struct fallback *fallback, struct slice prefix, struct slice image)
{
    return !fallback->registry.open && fallback->registry.answered &&
           !is_sick(fallback, list_get(&fallback->upstreams, prefix)) &&
           !is_sick(fallback, list_get(&fallback->images, image));
}

static bool keep_list(struct fallback *fallback, struct fallback_list *list, int64_t remember_ms,
                      bool (*kept)(const void *context, struct slice prefix), const void *context)
{
    bool dropped = false;

    for (size_t i = list->n; i-- > 0;) {
        struct fallback_item *item = &list->items[i];

        for (int own = 0; own < 2; own++)
            if (item->next_ms[own] == fallback->remember_ms)
                item->next_ms[own] = remember_ms;
        if (!kept(context, slice_of(item->entry.name.ptr, item->prefix_bytes))) {
            dropped |= item->live;
            list_remove(list, item);
        }
    }
    return dropped;
}

unsigned fallback_configure(struct fallback *fallback, const struct fallback_settings *settings,
                            bool (*kept)(const void *context, struct slice prefix),
                            const void *context)
{
    int64_t remember_ms = bounded(settings->remember_ms);
    bool dropped = keep_list(fallback, &fallback->images, remember_ms, kept, context);

    dropped |= keep_list(fallback, &fallback->upstreams, remember_ms, kept, context);
    fallback->remember_ms = remember_ms;
    return dropped ? FALLBACK_ENDED : 0;
}

void fallback_forget_probes(struct fallback *fallback)
{
    fallback->registry.answered = false;
    fallback->registry.failed = fallback->registry.alive = 0;
}

uint64_t fallback_dropped(const struct fallback *fallback)
{
    return fallback->dropped;
}
