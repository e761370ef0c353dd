/*
 * Two short arrays that are searched from end to end: at most some hundred entries, looked at a few
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
};

/* After the first look, and each one that came too early. */
static const uint64_t again_ms[] = {200, 500, 1000, 2000, 2000};
enum { LOOKS = 1 + sizeof(again_ms) / sizeof(again_ms[0]) };

struct item {
    struct heal_entry entry; /* its texts are in `texts` */
    char *texts;
    uint64_t due_ms;
    unsigned looks;
};

/* An entry stays where it is while it is looked at, whatever is added: the array never moves. What
 * was never used of it costs no memory. */
struct kind {
    struct item items[HEAL_QUEUE_MAX];
    size_t n;
    uint64_t next_ms; /* no look before */
};

struct heal_queue {
    struct kind kinds[KINDS];
    struct kind *current; /* of the look that isn't settled yet; NULL */
    size_t at;            /* its item */
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
    const size_t n = sizeof(texts) / sizeof(texts[0]);
    size_t bytes = 0;
    char *all, *at;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i]->len;
    all = at = alloc_zeroed(bytes, 1);
    for (size_t i = 0; i < n; at += texts[i]->len, i++) {
        if (texts[i]->len)
            memcpy(at, texts[i]->ptr, texts[i]->len);
        texts[i]->ptr = at;
    }
    return all;
}

int heal_queue_add(struct heal_queue *queue, const struct heal_entry *entry, uint64_t now_ms,
                   uint32_t random)
{
    struct kind *kind = &queue->kinds[entry->look];
    struct item *item;

    for (size_t i = 0; i < kind->n; i++)
        if (is_same(&kind->items[i].entry, entry))
            return HEAL_QUEUE_KNOWN;
    if (kind->n == HEAL_QUEUE_MAX || !fits(entry))
        return HEAL_QUEUE_FULL;
    item = &kind->items[kind->n++];
    *item = (struct item){.entry = *entry};
    item->texts = own_texts(&item->entry);
    item->due_ms = now_ms + (entry->look == HEAL_LOOK_HEALED ? HEAL_QUEUE_LATER_MS
                                                             : random % HEAL_QUEUE_SPREAD_MS);
    return 0;
}

static size_t find_earliest(const struct kind *kind)
{
    size_t earliest = 0;

    for (size_t i = 1; i < kind->n; i++)
        if (kind->items[i].due_ms < kind->items[earliest].due_ms)
            earliest = i;
    return earliest;
}

const struct heal_entry *heal_queue_next(struct heal_queue *queue, uint64_t now_ms,
                                         uint64_t *wait_ms)
{
    *wait_ms = UINT64_MAX;
    for (size_t k = 0; k < KINDS; k++) {
        struct kind *kind = &queue->kinds[k];
        size_t at = find_earliest(kind);
        uint64_t due_ms;

        if (!kind->n)
            continue;
        due_ms = kind->items[at].due_ms > kind->next_ms ? kind->items[at].due_ms : kind->next_ms;
        if (due_ms <= now_ms) {
            kind->next_ms = now_ms + 1000 / HEAL_QUEUE_PER_SECOND;
            kind->items[at].looks++;
            queue->current = kind;
            queue->at = at;
            return &kind->items[at].entry;
        }
        if (due_ms - now_ms < *wait_ms)
            *wait_ms = due_ms - now_ms;
    }
    return NULL;
}

void heal_queue_done(struct heal_queue *queue)
{
    struct kind *kind = queue->current;

    if (!kind)
        return;
    free(kind->items[queue->at].texts);
    kind->items[queue->at] = kind->items[--kind->n];
    queue->current = NULL;
}

bool heal_queue_again(struct heal_queue *queue, uint64_t now_ms)
{
    struct item *item = queue->current ? &queue->current->items[queue->at] : NULL;
    bool later = item && item->entry.look == HEAL_LOOK_HEALED;

    if (!item || item->looks >= (later ? (unsigned)HEAL_QUEUE_LATER_LOOKS : LOOKS)) {
        heal_queue_done(queue);
        return false;
    }
    item->due_ms = now_ms + (later ? HEAL_QUEUE_LATER_MS : again_ms[item->looks - 1]);
    queue->current = NULL;
    return true;
}

size_t heal_queue_length(const struct heal_queue *queue)
{
    return queue->kinds[HEAL_LOOK_REPORTED].n + queue->kinds[HEAL_LOOK_HEALED].n;
}
