/*
 * Open addressing with linear probing, at most half full. What is taken out is filled from behind
 * (Knuth, TAOCP 6.4, algorithm R), so that no marks of what went are left to be probed over. While
 * that goes on a reader may find an entry twice, or not at all.
 *
 * Readers see the keys, each one whole, and write the marks of use; nothing of either depends on
 * anything else, so the order in which a reader sees changes doesn't matter.
 */
#include "pullthrough/core/cache/image_set.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/references.h"
#include "siphash.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    SAMPLE = 64,        /* entries that are looked at to find one that may go; */
    SAMPLE_MOST = 1024, /* while all of them are in use */
    /* Since the last image_set_age(); below that, how many calls it is good for yet. */
    JUST_USED = 255,
};

/* What the writer knows of an entry. */
struct known {
    uint32_t repository; /* a hash */
    uint32_t digest : 1;
    uint32_t minute : 31;
};

struct image_set {
    struct references references;
    uint8_t secret[IMAGE_SET_SECRET_BYTES];
    size_t max, mask;
    uint32_t minute; /* the latest that was told */
    size_t hand;     /* where the next sample begins */
    _Atomic(size_t) n[2];
    _Atomic(uint64_t) evicted;
    _Atomic(uint64_t) *keys; /* 0: empty */
    _Atomic(uint8_t) *used;
    struct known *known;
};

struct image_set *image_set_new(const uint8_t secret[IMAGE_SET_SECRET_BYTES], size_t max)
{
    struct image_set *set = alloc_zeroed(1, sizeof(*set));
    size_t slots = 2;

    if (max < 1 || max > IMAGE_SET_MAX)
        max = max ? IMAGE_SET_MAX : 1;
    while (slots < 2 * max)
        slots *= 2;
    references_init(&set->references);
    memcpy(set->secret, secret, sizeof(set->secret));
    set->max = max;
    set->mask = slots - 1;
    set->keys = alloc_zeroed(slots, sizeof(*set->keys));
    set->used = alloc_zeroed(slots, sizeof(*set->used));
    set->known = alloc_zeroed(slots, sizeof(*set->known));
    return set;
}

struct image_set *image_set_ref(struct image_set *set)
{
    if (set)
        references_add(&set->references);
    return set;
}

void image_set_unref(struct image_set *set)
{
    if (!set || !references_drop(&set->references))
        return;
    free(set->keys);
    free(set->used);
    free(set->known);
    free(set);
}

static inline uint64_t key_at(const struct image_set *set, size_t slot)
{
    return atomic_load_explicit(&set->keys[slot], memory_order_relaxed);
}

static inline uint8_t use_at(const struct image_set *set, size_t slot)
{
    return atomic_load_explicit(&set->used[slot], memory_order_relaxed);
}

/* 0 where it is too long to be held. A NUL separates: no name has one. */
static uint64_t key_of(const struct image_set *set, struct slice repository,
                       enum image_set_kind kind, struct slice reference)
{
    char name[IMAGE_SET_REPOSITORY_MAX + 2 + IMAGE_SET_REFERENCE_MAX];
    uint64_t key;

    if (!repository.len || repository.len > IMAGE_SET_REPOSITORY_MAX || !reference.len ||
        reference.len > IMAGE_SET_REFERENCE_MAX)
        return 0;
    memcpy(name, repository.ptr, repository.len);
    name[repository.len] = '\0';
    name[repository.len + 1] = kind == IMAGE_SET_DIGEST ? 'd' : 't';
    memcpy(name + repository.len + 2, reference.ptr, reference.len);
    key = siphash(set->secret, slice_of(name, repository.len + 2 + reference.len));
    return key ? key : 1;
}

/* Where the key is, or would be. A writer's moves may fool a reader, but not keep it here. */
static size_t slot_of(const struct image_set *set, uint64_t key)
{
    size_t slot = key & set->mask;

    for (size_t i = 0; i <= set->mask; i++, slot = (slot + 1) & set->mask) {
        uint64_t there = key_at(set, slot);

        if (there == key || !there)
            break;
    }
    return slot;
}

bool image_set_has(struct image_set *set, struct slice repository, enum image_set_kind kind,
                   struct slice reference)
{
    uint64_t key = set ? key_of(set, repository, kind, reference) : 0;
    size_t slot;

    if (!key)
        return false;
    slot = slot_of(set, key);
    if (key_at(set, slot) != key)
        return false;
    if (use_at(set, slot) != JUST_USED) /* mostly it is: then the line stays shared */
        atomic_store_explicit(&set->used[slot], JUST_USED, memory_order_relaxed);
    return true;
}

static uint32_t repository_hash(const struct image_set *set, struct slice repository)
{
    return (uint32_t)siphash(set->secret, repository);
}

/* Only one thread counts: no need of a locked addition. */
static void count(struct image_set *set, struct known known, size_t change)
{
    _Atomic(size_t) *n = &set->n[known.digest];

    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + change,
                          memory_order_relaxed);
}

static void put(struct image_set *set, size_t slot, uint64_t key, struct known known, uint8_t use)
{
    set->known[slot] = known;
    atomic_store_explicit(&set->used[slot], use, memory_order_relaxed);
    atomic_store_explicit(&set->keys[slot], key, memory_order_relaxed);
}

static void take_out(struct image_set *set, size_t hole)
{
    size_t slot = hole;
    uint64_t key;

    count(set, set->known[hole], (size_t)-1);
    for (;;) {
        slot = (slot + 1) & set->mask;
        key = key_at(set, slot);
        if (!key)
            break;
        /* It may move up to the hole if it doesn't come before its own place by that. */
        if (((slot - key) & set->mask) < ((slot - hole) & set->mask))
            continue;
        put(set, hole, key, set->known[slot], use_at(set, slot));
        hole = slot;
    }
    put(set, hole, 0, (struct known){0}, 0);
}

/* Whether `a` should go before `b`. */
static bool goes_before(const struct image_set *set, size_t a, size_t b)
{
    bool a_used = use_at(set, a), b_used = use_at(set, b);

    return a_used != b_used ? b_used : set->known[a].minute < set->known[b].minute;
}

static void evict(struct image_set *set)
{
    size_t victim = 0, seen = 0;

    for (size_t i = 0; i <= set->mask; i++) {
        if (seen >= (seen && use_at(set, victim) ? SAMPLE_MOST : SAMPLE))
            break;
        set->hand = (set->hand + 1) & set->mask;
        if (!key_at(set, set->hand))
            continue;
        if (!seen++ || goes_before(set, set->hand, victim))
            victim = set->hand;
    }
    take_out(set, victim);
    atomic_store_explicit(&set->evicted,
                          atomic_load_explicit(&set->evicted, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void image_set_add(struct image_set *set, struct slice repository, enum image_set_kind kind,
                   struct slice reference, uint32_t minute)
{
    struct image_set_counts counts = image_set_counts(set);
    uint64_t key = key_of(set, repository, kind, reference);
    size_t slot = slot_of(set, key);

    if (!key)
        return;
    if (minute > set->minute)
        set->minute = minute;
    if (key_at(set, slot) == key) {
        set->known[slot].minute = set->minute & INT32_MAX;
        return;
    }
    if (counts.tags + counts.digests >= set->max) {
        evict(set);
        slot = slot_of(set, key);
    }
    put(set, slot, key,
        (struct known){.repository = repository_hash(set, repository),
                       .digest = kind == IMAGE_SET_DIGEST,
                       .minute = set->minute & INT32_MAX},
        0);
    count(set, set->known[slot], 1);
}

void image_set_drop(struct image_set *set, struct slice repository, enum image_set_kind kind,
                    struct slice reference)
{
    uint64_t key = key_of(set, repository, kind, reference);
    size_t slot = slot_of(set, key);

    if (key && key_at(set, slot) == key)
        take_out(set, slot);
}

void image_set_sweep(struct image_set *set, struct slice repository, uint32_t since_minute)
{
    uint32_t hash = repository_hash(set, repository);

    for (size_t slot = 0; slot <= set->mask; slot++)
        /* Another one may have come into its place. */
        while (key_at(set, slot) && set->known[slot].repository == hash &&
               set->known[slot].minute < since_minute)
            take_out(set, slot);
}

void image_set_expire_digests(struct image_set *set, uint32_t since_minute)
{
    for (size_t slot = 0; slot <= set->mask; slot++)
        while (key_at(set, slot) && set->known[slot].digest &&
               set->known[slot].minute < since_minute)
            take_out(set, slot);
}

static size_t bit_of(uint32_t hash)
{
    return hash % (IMAGE_SET_MAP_BYTES * 8);
}

void image_set_age(struct image_set *set, uint8_t map[IMAGE_SET_MAP_BYTES])
{
    memset(map, 0, IMAGE_SET_MAP_BYTES);
    for (size_t slot = 0; slot <= set->mask; slot++) {
        uint8_t use = use_at(set, slot), older;
        size_t bit = bit_of(set->known[slot].repository);

        if (!use || !key_at(set, slot))
            continue;
        if (use == JUST_USED)
            map[bit / 8] |= (uint8_t)(1U << bit % 8);
        older = use == JUST_USED ? IMAGE_SET_USED_AGES : (uint8_t)(use - 1);
        /* Not where a reader marks it just now. */
        atomic_compare_exchange_strong_explicit(&set->used[slot], &use, older, memory_order_relaxed,
                                                memory_order_relaxed);
    }
}

size_t image_set_repository_bit(const struct image_set *set, struct slice repository)
{
    return bit_of(repository_hash(set, repository));
}

struct image_set_counts image_set_counts(const struct image_set *set)
{
    if (!set)
        return (struct image_set_counts){0};
    return (struct image_set_counts){
        .tags = atomic_load_explicit(&set->n[0], memory_order_relaxed),
        .digests = atomic_load_explicit(&set->n[1], memory_order_relaxed),
        .evicted = atomic_load_explicit(&set->evicted, memory_order_relaxed),
    };
}
