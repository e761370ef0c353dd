/*
 * A hash table of texts. Nobody gains by collisions: it is the user's own cluster, and the command
 * ends when it has told.
 */
#include "scan_names.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

enum { SLOTS_AT_FIRST = 256 };

/* FNV-1a */
static uint64_t hash(struct slice name)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < name.len; i++)
        value = (value ^ (unsigned char)name.ptr[i]) * UINT64_C(0x100000001b3);
    return value ^ value >> 32;
}

/* Where `name` is, or would be. */
static uint32_t *slot_of(const struct scan_names *names, struct slice name)
{
    size_t at = hash(name) & (names->n_slots - 1);

    while (names->slots[at] && !slice_equal(names->items[names->slots[at] - 1], name))
        at = (at + 1) & (names->n_slots - 1);
    return &names->slots[at];
}

static void grow(struct scan_names *names)
{
    if (names->n_slots == 0)
        arena_init(&names->arena, 0);
    names->n_slots = names->n_slots ? 2 * names->n_slots : SLOTS_AT_FIRST;
    free(names->slots);
    names->slots = alloc_zeroed(names->n_slots, sizeof(*names->slots));
    for (size_t i = 0; i < names->n; i++)
        *slot_of(names, names->items[i]) = (uint32_t)i + 1;
}

int64_t scan_names_put(struct scan_names *names, struct slice name)
{
    uint32_t *slot;

    if (2 * names->n >= names->n_slots)
        grow(names);
    slot = slot_of(names, name);
    if (*slot)
        return *slot - 1;
    if (names->n >= names->most)
        return SCAN_NO_NAME;
    names->items = alloc_grown(names->items, names->n, &names->size, sizeof(*names->items));
    names->items[names->n] = slice_of(arena_text(&names->arena, name), name.len);
    *slot = (uint32_t)++names->n;
    return *slot - 1;
}

void scan_names_fini(struct scan_names *names)
{
    if (names->n_slots)
        arena_fini(&names->arena);
    free(names->items);
    free(names->slots);
    *names = (struct scan_names){0};
}
