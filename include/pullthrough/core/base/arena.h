/*
 * Memory of one request: many small allocations, one release.
 *
 * Small allocations share blocks, and nothing of those is freed on its own. A large one has a
 * block of its own, which moves or is given back when it is asked for, so that a text or an
 * array that grows is there once. Everything else dies at arena_fini(). Not for more than one
 * thread. When the system's memory runs out the process aborts.
 *
 * An arena that serves foreign bytes has a ceiling: arena_try_alloc() and arena_try_realloc()
 * return NULL rather than go over it. arena_alloc() and arena_realloc() count, and go on.
 */
#ifndef PULLTHROUGH_CORE_BASE_ARENA_H
#define PULLTHROUGH_CORE_BASE_ARENA_H

#include "pullthrough/core/base/slice.h"

#include <stddef.h>

enum { ARENA_LARGE = 64 * 1024 }; /* bytes: what has a block of its own */

struct arena_block;

struct arena {
    struct arena_block *blocks; /* shared ones, newest first */
    struct arena_block *large;  /* one allocation each */
    char *next, *end;           /* free bytes of the newest shared block */
    size_t bytes;               /* of all blocks */
    size_t ceiling;             /* most of them; SIZE_MAX: none */
};

#define ARENA_CLEANUP __attribute__((cleanup(arena_fini)))

/* A first block for about `expected` bytes; more blocks come when they are needed. No ceiling. */
void arena_init(struct arena *arena, size_t expected);
void arena_fini(struct arena *arena);

/* Aligned for any type, not zeroed, never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same, or NULL where the blocks would go over the ceiling. */
void *arena_try_alloc(struct arena *arena, size_t size);

/* The bytes at `old` (old_size of them, or NULL and 0) in a place of `size`; in place where
 * `old` was the newest allocation and there is room, or where it is a large one. */
void *arena_realloc(struct arena *arena, void *old, size_t old_size, size_t size);
/* The same, or NULL, and `old` as it was, where the blocks would go over the ceiling, even only
 * while the bytes move: malloc moves blocks of less than 1 MiB by copying them. */
void *arena_try_realloc(struct arena *arena, void *old, size_t old_size, size_t size);

/* A copy of the text with a NUL behind it. */
char *arena_text(struct arena *arena, struct slice text);

/* Gives a large allocation back; any other stays until the end. NULL is allowed. */
void arena_release(struct arena *arena, void *old);

#endif
