/*
 * Memory of one request: many small allocations, one release.
 *
 * Nothing is freed on its own, everything dies at arena_fini(). Not for more than
 * one thread. When memory runs out the process aborts: what a request may need is
 * bounded by the bound on its body.
 */
#ifndef PULLTHROUGH_CORE_ARENA_H
#define PULLTHROUGH_CORE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *next, *end;           /* free bytes of the newest block */
};

#define ARENA_CLEANUP __attribute__((cleanup(arena_fini)))

/* A first block for about `expected` bytes; more blocks come when they are needed. */
void arena_init(struct arena *arena, size_t expected);
void arena_fini(struct arena *arena);

/* Aligned for any type, not zeroed, never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* The bytes at `old` (old_size of them, or NULL and 0) in a place of `size`; in place
 * where `old` was the newest allocation and there is room. */
void *arena_realloc(struct arena *arena, void *old, size_t old_size, size_t size);

#endif
