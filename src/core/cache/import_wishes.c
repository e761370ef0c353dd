/*
 * An array, searched from one end to the other: a few thousand numbers, some hundred times a
 * second at the very most. Half of it is the most that one upstream gets, so that a flood of
 * images of one, which is imported slowly, leaves room for the others. Namespaces take turns:
 * whoever floods it waits behind itself, and loses its own when there is no room.
 */
#include "import_wishes.h"

#include "pullthrough/core/base/alloc.h"
#include "siphash.h"

#include <stdlib.h>

void wishes_init(struct wishes *wishes)
{
    *wishes = (struct wishes){.items = alloc_zeroed(IMPORT_WISHES_MAX, sizeof(wishes->items[0]))};
}

static void free_texts(struct import_wish *wish)
{
    free(wish->texts);
    free(wish->reason);
}

void wishes_fini(struct wishes *wishes)
{
    for (size_t i = 0; i < wishes->n; i++)
        free_texts(&wishes->items[i]);
    free(wishes->items);
}

/* No secret: names that collide are compared as texts, no more. */
static uint64_t hash_of(struct slice repository, struct slice tag, struct slice digest)
{
    static const uint8_t key[16];

    return siphash(key, repository) ^ 3 * siphash(key, tag) ^ 5 * siphash(key, digest);
}

struct import_wish *wishes_find(struct wishes *wishes, struct slice repository, struct slice tag,
                                struct slice digest)
{
    uint64_t hash = hash_of(repository, tag, digest);

    for (struct import_wish *wish = wishes->items; wish < wishes->items + wishes->n; wish++)
        if (wish->hash == hash && slice_equal(wish->repository, repository) &&
            slice_equal(wish->tag, tag) && slice_equal(wish->digest, digest))
            return wish;
    return NULL;
}

struct import_wish *wishes_get(struct wishes *wishes, uint64_t id)
{
    for (struct import_wish *wish = wishes->items; wish < wishes->items + wishes->n; wish++)
        if (wish->id == id)
            return wish;
    return NULL;
}

void wishes_remove(struct wishes *wishes, struct import_wish *wish)
{
    free_texts(wish);
    wishes->of_upstream[wish->upstream]--;
    *wish = wishes->items[--wishes->n];
}

uint64_t wishes_owner(struct slice namespace)
{
    return hash_of(namespace, (struct slice){0}, (struct slice){0});
}

/* A turn behind those of its owner; nothing is changed but the two numbers. */
static void take_turn(const struct wishes *wishes, struct import_wish *wish)
{
    uint64_t turn = wishes->turns[wish->upstream], look_turn = wishes->look_turn;

    for (size_t i = 0; i < wishes->n; i++) {
        const struct import_wish *peer = &wishes->items[i];

        if (peer->owner != wish->owner || peer->id == wish->id)
            continue;
        if (peer->state == WISH_ASKED && peer->look_turn > look_turn)
            look_turn = peer->look_turn;
        if (peer->state <= WISH_WANTED && peer->upstream == wish->upstream && peer->turn > turn)
            turn = peer->turn;
    }
    wish->turn = turn + 1;
    wish->look_turn = look_turn + 1;
}

/* How many turns of its upstream come before it. */
static int64_t rank_of(const struct wishes *wishes, const struct import_wish *wish)
{
    return (int64_t)(wish->turn - wishes->turns[wish->upstream]);
}

/* The one that waits to be imported for the longest yet; NULL if that is `wish`. */
static struct import_wish *find_last(struct wishes *wishes, const struct import_wish *wish,
                                     bool of_upstream)
{
    struct import_wish *last = NULL;

    for (struct import_wish *other = wishes->items; other < wishes->items + wishes->n; other++)
        if (other->state <= WISH_WANTED && (!of_upstream || other->upstream == wish->upstream) &&
            (!last || rank_of(wishes, other) > rank_of(wishes, last)))
            last = other;
    return last && rank_of(wishes, last) > rank_of(wishes, wish) ? last : NULL;
}

/* Room for this one, if need be that of the refused one that ends first, or else of the last one
 * that waits, which is lost. */
static bool make_room(struct wishes *wishes, const struct import_wish *for_wish)
{
    size_t upstream = for_wish->upstream;
    bool share_is_full = wishes->of_upstream[upstream] >= IMPORT_WISHES_MAX / 2;
    struct import_wish *first = NULL;

    if (!share_is_full && wishes->n < IMPORT_WISHES_MAX)
        return true;
    for (struct import_wish *wish = wishes->items; wish < wishes->items + wishes->n; wish++)
        if (wish->state == WISH_REFUSED && (!share_is_full || wish->upstream == upstream) &&
            (!first || wish->due_ms < first->due_ms))
            first = wish;
    if (!first) {
        first = find_last(wishes, for_wish, share_is_full);
        wishes->dropped++; /* this one or that one */
    }
    if (first)
        wishes_remove(wishes, first);
    return first != NULL;
}

struct import_wish *wishes_add(struct wishes *wishes, size_t upstream, uint64_t owner,
                               struct slice repository, struct slice tag, struct slice digest)
{
    struct import_wish made = {
        .hash = hash_of(repository, tag, digest),
        .id = ++wishes->last_id,
        .owner = owner,
        .repository = repository,
        .tag = tag,
        .digest = digest,
        .upstream = upstream,
    };
    struct slice *const texts[] = {&made.repository, &made.tag, &made.digest};

    take_turn(wishes, &made);
    if (!make_room(wishes, &made))
        return NULL;
    made.texts = alloc_texts(texts, sizeof(texts) / sizeof(texts[0]));
    wishes->items[wishes->n] = made;
    wishes->of_upstream[upstream]++;
    return &wishes->items[wishes->n++];
}

void wishes_requeue(struct wishes *wishes, struct import_wish *wish)
{
    wish->id = ++wishes->last_id;
    take_turn(wishes, wish);
}

void wishes_share(struct wishes *wishes, struct import_wish *wish, uint64_t owner)
{
    struct import_wish theirs = *wish;

    theirs.owner = owner;
    take_turn(wishes, &theirs);
    if (owner == wish->owner || wish->state > WISH_WANTED || theirs.turn >= wish->turn)
        return;
    wish->owner = owner;
    wish->turn = theirs.turn;
    if (theirs.look_turn < wish->look_turn)
        wish->look_turn = theirs.look_turn;
}

void wishes_looked(struct wishes *wishes, const struct import_wish *wish)
{
    if (wish->look_turn > wishes->look_turn)
        wishes->look_turn = wish->look_turn;
}

void wishes_imported(struct wishes *wishes, const struct import_wish *wish)
{
    if (wish->turn > wishes->turns[wish->upstream])
        wishes->turns[wish->upstream] = wish->turn;
}

void wishes_refuse(struct import_wish *wish, struct slice reason, int64_t now_ms, int64_t until_ms)
{
    if (reason.len > IMPORT_REASON_MAX)
        reason.len = IMPORT_REASON_MAX;
    free(wish->reason);
    wish->reason = alloc_text(reason);
    wish->state = WISH_REFUSED;
    wish->since_ms = now_ms;
    wish->due_ms = until_ms;
    wish->tries++;
}

void wishes_remap(struct wishes *wishes, const size_t map[IMPORT_UPSTREAMS_MAX])
{
    uint64_t turns[IMPORT_UPSTREAMS_MAX] = {0};

    for (size_t i = wishes->n; i-- > 0;)
        if (map[wishes->items[i].upstream] == SIZE_MAX)
            wishes_remove(wishes, &wishes->items[i]);
    for (size_t i = 0; i < IMPORT_UPSTREAMS_MAX; i++)
        if (map[i] != SIZE_MAX)
            turns[map[i]] = wishes->turns[i];
    memcpy(wishes->turns, turns, sizeof(turns));
    memset(wishes->of_upstream, 0, sizeof(wishes->of_upstream));
    for (struct import_wish *wish = wishes->items; wish < wishes->items + wishes->n; wish++) {
        wish->upstream = map[wish->upstream];
        wishes->of_upstream[wish->upstream]++;
    }
}

enum image_set_kind wish_kind(const struct import_wish *wish)
{
    return wish->digest.len ? IMAGE_SET_DIGEST : IMAGE_SET_TAG;
}

struct slice wish_reference(const struct import_wish *wish)
{
    return wish->digest.len ? wish->digest : wish->tag;
}
