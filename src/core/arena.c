/*
 * A bump allocator: blocks of memory chained newest first, cut from the front.
 *
 * It refuses to be clever: no free lists, no reuse between requests. The C library's
 * malloc keeps the blocks warm (src/main.c tells it not to hand them back each time).
 */
#include "pullthrough/core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    alignas(max_align_t) char bytes[];
};

enum { SMALLEST_BLOCK = 4096 };

static size_t aligned(size_t size)
{
    const size_t mask = alignof(max_align_t) - 1;

    if (size > SIZE_MAX / 2)
        abort();
    return (size + mask) & ~mask;
}

static void add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = malloc(sizeof(*block) + size);

    if (!block)
        abort();
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->end = block->bytes + size;
}

void arena_init(struct arena *arena, size_t expected)
{
    *arena = (struct arena){0};
    add_block(arena, aligned(expected < SMALLEST_BLOCK ? SMALLEST_BLOCK : expected));
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->older;
        free(block);
    }
    *arena = (struct arena){0};
}

void *arena_alloc(struct arena *arena, size_t size)
{
    char *at;

    size = aligned(size);
    if (size > (size_t)(arena->end - arena->next))
        add_block(arena, size < SMALLEST_BLOCK ? SMALLEST_BLOCK : size);
    at = arena->next;
    arena->next += size;
    return at;
}

void *arena_realloc(struct arena *arena, void *old, size_t old_size, size_t size)
{
    char *start = old;
    void *moved;

    if (!old)
        return arena_alloc(arena, size);
    if (start + aligned(old_size) == arena->next && aligned(size) <= (size_t)(arena->end - start)) {
        arena->next = start + aligned(size);
        return old;
    }
    if (size <= old_size)
        return old;
    moved = arena_alloc(arena, size);
    memcpy(moved, old, old_size);
    return moved;
}
