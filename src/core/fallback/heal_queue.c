/*
 * Two short arrays that are searched from end to end: at most a thousand entries, looked at a few
 * times a second. It refuses to judge a pod: it only says whose turn it is.
 */
#include "pullthrough/core/fallback/heal_queue.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

enum {
    /* DNS subdomain, DNS label, UID as text with some room (RFC 4122 has 36). */
    NAME_MAX_BYTES = 253,
    UID_MAX_BYTES = 128,
    LIST_MAX_BYTES = 32,
    IMAGE_MAX_BYTES = 255 + 1 + FALLBACK_NAME_MAX,
    KINDS = HEAL_LOOK_HEALED + 1,
    REPLAYED_MAX = HEAL_QUEUE_MAX / 2,
    NEWS_A_REPLAY = 3, /* looks at what is new for each at what is replayed */
};

/* After the first look, and each one that came too early. */
static const uint64_t again_ms[] = {200, 500, 1000, 2000, 2000};
enum { LOOKS = 1 + sizeof(again_ms) / sizeof(again_ms[0]) };

enum { BACKOFF_MS = 10 * 1000, BACKOFF_MAX_MS = 300 * 1000 }; /* kubelet's */

struct item {
    struct heal_entry entry; /* its texts are in `texts` */
    char *texts;
    uint64_t due_ms;
    /* Of those that are due the smallest comes first. Each namespace numbers its own from the last
     * turn that came (start-time fair queueing), so who has most also has the largest. */
    uint64_t turn;
    unsigned looks;
};

/* What was never used of it costs no memory. */
struct kind {
    struct item items[HEAL_QUEUE_MAX];
    size_t n;
    uint64_t turns[2]; /* that came last: of what is new, and replayed */
    uint64_t next_ms;  /* no look before */
    unsigned news;     /* looks at what is new since the last one at what is replayed */
};

struct heal_queue {
    struct kind kinds[KINDS];
    struct kind *current;    /* of the look that isn't settled yet; NULL */
    size_t at;               /* its item */
    struct heal_entry shown; /* of it: reports may change the item meanwhile */
    size_t stale;            /* dropped */
};

struct heal_queue *heal_queue_new(void)
{
    return alloc_zeroed(1, sizeof(struct heal_queue));
}

void heal_queue_free(struct heal_queue *queue)
{
    for (size_t k = 0; queue && k < KINDS; k++)
        for (size_t i = 0; i < queue->kinds[k].n; i++)
            free(queue->kinds[k].items[i].texts);
    free(queue);
}

static bool is_same(const struct heal_entry *a, const struct heal_entry *b)
{
    return slice_equal(a->uid, b->uid) && slice_equal(a->container, b->container) &&
           slice_equal(a->list, b->list) && slice_equal(a->pod, b->pod) &&
           slice_equal(a->namespace, b->namespace) && slice_equal(a->image, b->image);
}

static bool fits(const struct heal_entry *entry)
{
    return entry->namespace.len <= NAME_MAX_BYTES && entry->pod.len <= NAME_MAX_BYTES &&
           entry->uid.len <= UID_MAX_BYTES && entry->list.len <= LIST_MAX_BYTES &&
           entry->container.len <= NAME_MAX_BYTES && entry->image.len <= IMAGE_MAX_BYTES;
}

/* Its texts one behind the other in one piece of memory. */
static char *own_texts(struct heal_entry *entry)
{
    struct slice *texts[] = {&entry->namespace, &entry->pod,       &entry->uid,
                             &entry->list,      &entry->container, &entry->image};

    return alloc_texts(texts, sizeof(texts) / sizeof(texts[0]));
}

/* Those whose pulls fail at once can be changed any time. An attempt that lasts might be about to
 * start the container when that is changed, and it would be started twice. */
static bool can_be_late(const struct heal_entry *entry)
{
    return entry->look == HEAL_LOOK_REPORTED &&
           (entry->class == PULL_UNREACHABLE || entry->class == PULL_THROTTLED);
}

/* The node may be trying to pull it again. */
static bool is_stale(const struct heal_entry *entry, uint64_t now_ms)
{
    uint64_t backoff_ms = BACKOFF_MS;

    if (!can_be_late(entry))
        return false;
    for (unsigned i = 1; i < entry->failures && backoff_ms < BACKOFF_MAX_MS; i++)
        backoff_ms *= 2;
    if (backoff_ms > BACKOFF_MAX_MS)
        backoff_ms = BACKOFF_MAX_MS;
    return now_ms - entry->failed_ms > backoff_ms - HEAL_QUEUE_HEAL_MS;
}

/* They take turns with each other. */
static bool is_peer(const struct item *a, const struct item *b)
{
    return a->entry.replayed == b->entry.replayed &&
           slice_equal(a->entry.namespace, b->entry.namespace);
}

/* Behind its peers. */
static void take_turn(struct kind *kind, struct item *item)
{
    uint64_t last = kind->turns[item->entry.replayed];

    for (size_t i = 0; i < kind->n; i++)
        if (kind->items[i].turn > last && &kind->items[i] != item && is_peer(&kind->items[i], item))
            last = kind->items[i].turn;
    item->turn = last + 1;
}

static bool comes_before(const struct kind *kind, const struct item *a, const struct item *b)
{
    return a->entry.replayed != b->entry.replayed
               ? a->entry.replayed == (kind->news >= NEWS_A_REPLAY)
               : a->turn < b->turn;
}

/* The same was reported again. */
static void renew(struct kind *kind, struct item *item, const struct heal_entry *entry)
{
    bool replayed = item->entry.replayed && entry->replayed;

    if (entry->look != HEAL_LOOK_REPORTED ||
        (int64_t)(entry->failed_ms - item->entry.failed_ms) <= 0)
        return;
    item->entry.class = entry->class;
    item->entry.failed_ms = entry->failed_ms;
    item->entry.failures = entry->failures;
    item->looks = 0;
    if (replayed != item->entry.replayed) {
        item->entry.replayed = replayed;
        take_turn(kind, item);
    }
}

/* The one that makes room for `item`: of what is replayed where that has its share already, else of
 * what is new, and there of the namespace that has most; NULL if that is the item's own. */
static struct item *find_last(struct heal_queue *queue, struct kind *kind, const struct item *item,
                              bool of_replayed, uint64_t now_ms)
{
    struct item *last = NULL;

    for (size_t i = 0; i < kind->n; i++) {
        struct item *other = &kind->items[i];

        if (queue->current == kind && queue->at == i)
            continue;
        if (is_stale(&other->entry, now_ms))
            return other;
        if (other->entry.replayed == of_replayed && (!last || other->turn > last->turn))
            last = other;
    }
    return last && item->entry.replayed == of_replayed && item->turn >= last->turn ? NULL : last;
}

/* Room for `item`, which may be that of one which comes later; NULL if there is none. */
static struct item *make_room(struct heal_queue *queue, struct kind *kind, const struct item *item,
                              uint64_t now_ms)
{
    size_t replayed = 0;
    struct item *last;

    for (size_t i = 0; i < kind->n; i++)
        replayed += kind->items[i].entry.replayed;
    if (kind->n < HEAL_QUEUE_MAX && !(item->entry.replayed && replayed >= REPLAYED_MAX))
        return &kind->items[kind->n++];
    last = find_last(queue, kind, item, item->entry.replayed && replayed >= REPLAYED_MAX, now_ms);
    if (last)
        free(last->texts);
    return last;
}

int heal_queue_add(struct heal_queue *queue, const struct heal_entry *entry, uint64_t now_ms,
                   uint32_t random)
{
    struct kind *kind = &queue->kinds[entry->look];
    struct item item = {.entry = *entry}, *room;
    size_t before = kind->n;

    if (is_stale(entry, now_ms))
        return HEAL_QUEUE_STALE;
    for (size_t i = 0; i < kind->n; i++)
        if (is_same(&kind->items[i].entry, entry)) {
            renew(kind, &kind->items[i], entry);
            return HEAL_QUEUE_KNOWN;
        }
    if (!fits(entry))
        return HEAL_QUEUE_FULL;
    take_turn(kind, &item);
    room = make_room(queue, kind, &item, now_ms);
    if (!room)
        return HEAL_QUEUE_FULL;
    item.due_ms = now_ms + (entry->look == HEAL_LOOK_HEALED ? HEAL_QUEUE_LATER_MS
                                                            : random % HEAL_QUEUE_SPREAD_MS);
    item.texts = own_texts(&item.entry);
    *room = item;
    return kind->n > before ? 0 : HEAL_QUEUE_INSTEAD;
}

static void take_out(struct kind *kind, size_t at)
{
    free(kind->items[at].texts);
    kind->items[at] = kind->items[--kind->n];
}

static void drop_stale(struct heal_queue *queue, struct kind *kind, uint64_t now_ms)
{
    for (size_t i = kind->n; i-- > 0;)
        if (is_stale(&kind->items[i].entry, now_ms)) {
            take_out(kind, i);
            queue->stale++;
        }
}

/* Whose turn it is of those that are due; else the one that is due next. */
static size_t find_next(const struct kind *kind, uint64_t now_ms)
{
    size_t next = 0;

    for (size_t i = 1; i < kind->n; i++) {
        const struct item *a = &kind->items[i], *b = &kind->items[next];

        if (b->due_ms > now_ms ? a->due_ms < b->due_ms
                               : a->due_ms <= now_ms && comes_before(kind, a, b))
            next = i;
    }
    return next;
}

/* Of its peers that are due, the one that failed last comes, and has its turn. */
static size_t find_freshest(struct kind *kind, size_t at, uint64_t now_ms)
{
    struct item *items = kind->items;
    size_t freshest = at;
    uint64_t turn = items[at].turn;

    for (size_t i = 0; i < kind->n; i++)
        if (items[i].due_ms <= now_ms && can_be_late(&items[i].entry) &&
            now_ms - items[i].entry.failed_ms < now_ms - items[freshest].entry.failed_ms &&
            is_peer(&items[i], &items[at]))
            freshest = i;
    items[at].turn = items[freshest].turn;
    items[freshest].turn = turn;
    return freshest;
}

static const struct heal_entry *show(struct heal_queue *queue, struct kind *kind, size_t at,
                                     uint64_t now_ms)
{
    struct item *item;
    uint64_t *turn;

    if (can_be_late(&kind->items[at].entry))
        at = find_freshest(kind, at, now_ms);
    item = &kind->items[at];
    turn = &kind->turns[item->entry.replayed];
    if (item->turn > *turn)
        *turn = item->turn;
    item->looks++;
    kind->news = item->entry.replayed ? 0 : kind->news + 1;
    kind->next_ms = now_ms + 1000 / HEAL_QUEUE_LOOKS_PER_SECOND;
    queue->current = kind;
    queue->at = at;
    queue->shown = item->entry;
    return &queue->shown;
}

/* The kind that has waited for longest: a look may last longer than what lies between two. */
const struct heal_entry *heal_queue_next(struct heal_queue *queue, uint64_t now_ms,
                                         uint64_t *wait_ms)
{
    uint64_t first_ms = UINT64_MAX;
    struct kind *first = NULL;
    size_t first_at = 0;

    for (size_t k = 0; k < KINDS; k++) {
        struct kind *kind = &queue->kinds[k];
        uint64_t due_ms;
        size_t at;

        drop_stale(queue, kind, now_ms);
        if (!kind->n)
            continue;
        at = find_next(kind, now_ms);
        due_ms = kind->items[at].due_ms > kind->next_ms ? kind->items[at].due_ms : kind->next_ms;
        if (due_ms < first_ms) {
            first_ms = due_ms;
            first = kind;
            first_at = at;
        }
    }
    if (first && first_ms <= now_ms)
        return show(queue, first, first_at, now_ms);
    *wait_ms = first ? first_ms - now_ms : UINT64_MAX;
    return NULL;
}

void heal_queue_heals(struct heal_queue *queue, uint64_t now_ms)
{
    if (queue->current)
        queue->current->next_ms = now_ms + 1000 / HEAL_QUEUE_HEALS_PER_SECOND;
}

void heal_queue_done(struct heal_queue *queue)
{
    if (queue->current)
        take_out(queue->current, queue->at);
    queue->current = NULL;
}

bool heal_queue_again(struct heal_queue *queue, uint64_t now_ms, bool unsure)
{
    struct kind *kind = queue->current;
    struct item *item = kind ? &kind->items[queue->at] : NULL;
    bool later = item && item->entry.look == HEAL_LOOK_HEALED;

    if (!item || item->looks >= (later ? (unsigned)HEAL_QUEUE_LATER_LOOKS : LOOKS)) {
        heal_queue_done(queue);
        return false;
    }
    /* It was reported meanwhile where it has no look any more. */
    item->due_ms =
        now_ms + (later ? HEAL_QUEUE_LATER_MS : again_ms[item->looks ? item->looks - 1 : 0]);
    item->entry.unsure |= unsure;
    take_turn(kind, item);
    queue->current = NULL;
    return true;
}

size_t heal_queue_take_stale(struct heal_queue *queue)
{
    size_t n = queue->stale;

    queue->stale = 0;
    return n;
}

size_t heal_queue_length(const struct heal_queue *queue)
{
    return queue->kinds[HEAL_LOOK_REPORTED].n + queue->kinds[HEAL_LOOK_HEALED].n;
}
