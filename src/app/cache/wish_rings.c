/*
 * Head and tail only grow; each side writes its own, and reads the other's to learn what it may
 * touch. Which of the waiting wishes are equal the producer can tell by itself: a slot is written
 * by nobody else. There is no way to take a wish back, and none to make a ring larger.
 */
#include "pullthrough/app/cache/wish_rings.h"

#include "pullthrough/core/base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Each side's index has a cache line of its own. */
struct ring {
    _Alignas(64) atomic_uint head; /* the producer's: so many were put in */
    _Alignas(64) atomic_uint tail; /* the consumer's: so many were taken */
    _Alignas(64) struct wish slots[WISH_RING_SLOTS];
};

struct wish_rings {
    unsigned loops;
    unsigned next; /* whose turn it is; the consumer's */
    struct ring *rings;
};

static struct slice text_at(const struct wish *wish, size_t at, size_t len)
{
    return slice_of(wish->texts + at, len);
}

struct slice wish_namespace(const struct wish *wish)
{
    return text_at(wish, 0, wish->namespace_len);
}

struct slice wish_repository(const struct wish *wish)
{
    return text_at(wish, wish->namespace_len, wish->repository_len);
}

struct slice wish_tag(const struct wish *wish)
{
    return text_at(wish, (size_t)wish->namespace_len + wish->repository_len, wish->tag_len);
}

struct slice wish_digest(const struct wish *wish)
{
    return text_at(wish, (size_t)wish->namespace_len + wish->repository_len + wish->tag_len,
                   wish->digest_len);
}

struct wish_rings *wish_rings_new(unsigned loops)
{
    struct wish_rings *rings = alloc_zeroed(1, sizeof(*rings));

    rings->loops = loops;
    rings->rings = alloc_made(aligned_alloc(_Alignof(struct ring), loops * sizeof(struct ring)));
    for (unsigned i = 0; i < loops; i++) {
        atomic_init(&rings->rings[i].head, 0);
        atomic_init(&rings->rings[i].tail, 0);
    }
    return rings;
}

void wish_rings_free(struct wish_rings *rings)
{
    if (!rings)
        return;
    free(rings->rings);
    free(rings);
}

/* Whether it waits already, whoever wants it; *share: how many are of this namespace. */
static bool waits(const struct ring *ring, unsigned tail, unsigned head, struct slice namespace,
                  struct slice repository, struct slice tag, struct slice digest, unsigned *share)
{
    *share = 0;
    for (unsigned i = tail; i != head; i++) {
        const struct wish *wish = &ring->slots[i % WISH_RING_SLOTS];

        *share += slice_equal(wish_namespace(wish), namespace);
        if (slice_equal(wish_digest(wish), digest) && slice_equal(wish_tag(wish), tag) &&
            slice_equal(wish_repository(wish), repository))
            return true;
    }
    return false;
}

static void append(char **to, struct slice text)
{
    if (text.len)
        memcpy(*to, text.ptr, text.len);
    *to += text.len;
}

bool wish_rings_put(struct wish_rings *rings, unsigned loop, struct slice namespace,
                    struct slice repository, struct slice tag, struct slice digest)
{
    struct ring *ring = &rings->rings[loop];
    unsigned head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    struct wish *wish = &ring->slots[head % WISH_RING_SLOTS];
    char *to = wish->texts;
    unsigned share;

    if (namespace.len > WISH_NAMESPACE_MAX || repository.len > WISH_REPOSITORY_MAX ||
        tag.len > WISH_TAG_MAX || digest.len > WISH_DIGEST_MAX)
        return false;
    if (waits(ring, tail, head, namespace, repository, tag, digest, &share))
        return true;
    if (head - tail == WISH_RING_SLOTS || (namespace.len && share >= WISH_RING_SHARE))
        return false;
    wish->namespace_len = (uint16_t) namespace.len;
    wish->repository_len = (uint16_t)repository.len;
    wish->tag_len = (uint16_t)tag.len;
    wish->digest_len = (uint16_t)digest.len;
    append(&to, namespace);
    append(&to, repository);
    append(&to, tag);
    append(&to, digest);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

static bool take(struct ring *ring, struct wish *wish)
{
    unsigned tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail)
        return false;
    *wish = ring->slots[tail % WISH_RING_SLOTS];
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

bool wish_rings_take(struct wish_rings *rings, struct wish *wish)
{
    for (unsigned i = 0; i < rings->loops; i++) {
        struct ring *ring = &rings->rings[rings->next];

        rings->next = (rings->next + 1) % rings->loops;
        if (take(ring, wish))
            return true;
    }
    return false;
}
