/*
 * A bump allocator: blocks of memory chained newest first, cut from the front; and beside
 * them a list of large blocks that can be moved and freed.
 *
 * It refuses to be clever: no free lists, no reuse between requests. The C library's
 * malloc keeps the blocks warm (src/main.c tells it not to hand them back each time).
 */
#include "pullthrough/core/base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *older;
    struct arena_block *newer; /* of large ones only */
    size_t size;
    alignas(max_align_t) char bytes[];
};

enum {
    SMALLEST_BLOCK = 4096,
    /* A block of malloc's that was mapped by itself moves without its bytes being copied
     * (glibc, mremap_chunk). That is so from M_MMAP_THRESHOLD on, which src/main.c sets. */
    MOVES_WITHOUT_COPY = 1024 * 1024,
};

static size_t aligned(size_t size)
{
    const size_t mask = alignof(max_align_t) - 1;

    if (size > SIZE_MAX / 2)
        abort();
    return (size + mask) & ~mask;
}

static struct arena_block *new_block(struct arena *arena, size_t size)
{
    struct arena_block *block = malloc(sizeof(*block) + size);

    if (!block)
        abort();
    block->size = size;
    arena->bytes += sizeof(*block) + size;
    return block;
}

static void add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = new_block(arena, size);

    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->end = block->bytes + size;
}

/* Its neighbours know where it is now. */
static void link_large(struct arena *arena, struct arena_block *block)
{
    if (block->newer)
        block->newer->older = block;
    else
        arena->large = block;
    if (block->older)
        block->older->newer = block;
}

static void *add_large(struct arena *arena, size_t size)
{
    struct arena_block *block = new_block(arena, size);

    block->older = arena->large;
    block->newer = NULL;
    link_large(arena, block);
    return block->bytes;
}

/* NULL where `old` lies in a shared block. A request has a handful of large ones. */
static struct arena_block *find_large(const struct arena *arena, const void *old)
{
    struct arena_block *block = arena->large;

    while (block && block->bytes != old)
        block = block->older;
    return block;
}

static void *move_large(struct arena *arena, struct arena_block *block, size_t size)
{
    arena->bytes += size - block->size;
    block = realloc(block, sizeof(*block) + size);
    if (!block)
        abort();
    block->size = size;
    link_large(arena, block);
    return block->bytes;
}

void arena_init(struct arena *arena, size_t expected)
{
    *arena = (struct arena){.ceiling = SIZE_MAX};
    add_block(arena, aligned(expected < SMALLEST_BLOCK ? SMALLEST_BLOCK : expected));
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;

        free(block);
        block = older;
    }
}

void arena_fini(struct arena *arena)
{
    free_blocks(arena->blocks);
    free_blocks(arena->large);
    *arena = (struct arena){0};
}

/* Whether a block of `size` bytes is allowed. */
static bool has_room(const struct arena *arena, size_t size)
{
    size_t block = sizeof(struct arena_block) + (size < SMALLEST_BLOCK ? SMALLEST_BLOCK : size);

    return arena->bytes <= arena->ceiling && block <= arena->ceiling - arena->bytes;
}

static void *cut(struct arena *arena, size_t size)
{
    char *at = arena->next;

    arena->next += size;
    return at;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = aligned(size);
    if (size > (size_t)(arena->end - arena->next)) {
        if (size >= ARENA_LARGE)
            return add_large(arena, size);
        add_block(arena, size < SMALLEST_BLOCK ? SMALLEST_BLOCK : size);
    }
    return cut(arena, size);
}

void *arena_try_alloc(struct arena *arena, size_t size)
{
    size_t whole = aligned(size);

    if (whole <= (size_t)(arena->end - arena->next))
        return cut(arena, whole);
    return has_room(arena, whole) ? arena_alloc(arena, size) : NULL;
}

/* The newest allocation, made larger or smaller where it is. */
static bool grow_in_place(struct arena *arena, char *start, size_t old_size, size_t size)
{
    if (start + aligned(old_size) != arena->next || aligned(size) > (size_t)(arena->end - start))
        return false;
    arena->next = start + aligned(size);
    return true;
}

void *arena_realloc(struct arena *arena, void *old, size_t old_size, size_t size)
{
    struct arena_block *large;
    void *moved;

    if (!old)
        return arena_alloc(arena, size);
    if (grow_in_place(arena, old, old_size, size))
        return old;
    large = find_large(arena, old);
    if (large)
        return move_large(arena, large, aligned(size));
    if (size <= old_size)
        return old;
    moved = arena_alloc(arena, size);
    memcpy(moved, old, old_size);
    return moved;
}

void *arena_try_realloc(struct arena *arena, void *old, size_t old_size, size_t size)
{
    size_t whole = aligned(size), spared;

    if (old && size <= old_size)
        return arena_realloc(arena, old, old_size, size);
    if (old && grow_in_place(arena, old, old_size, size))
        return old;
    /* What the old block has counts once where the system moves it as it is. */
    spared =
        old && old_size >= MOVES_WITHOUT_COPY && find_large(arena, old) ? aligned(old_size) : 0;
    if (!has_room(arena, whole - spared))
        return NULL;
    return arena_realloc(arena, old, old_size, size);
}

char *arena_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);

    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

void arena_release(struct arena *arena, void *old)
{
    struct arena_block *large = find_large(arena, old);

    if (!large)
        return;
    if (large->newer)
        large->newer->older = large->older;
    else
        arena->large = large->older;
    if (large->older)
        large->older->newer = large->newer;
    arena->bytes -= sizeof(*large) + large->size;
    free(large);
}
