#include "counted_memory.h"

#include <malloc.h>
#include <stdlib.h>

enum { MOVES_WITHOUT_COPY = 1024 * 1024 };

static size_t now, peak; /* one thread */

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

static void *added(void *memory)
{
    now += malloc_usable_size(memory);
    if (now > peak)
        peak = now;
    return memory;
}

static void gone(size_t bytes)
{
    now -= bytes < now ? bytes : now; /* what was there before */
}

void *__wrap_malloc(size_t size)
{
    return added(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return added(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    size_t bytes = old ? malloc_usable_size(old) : 0;
    void *memory;

    if (bytes >= MOVES_WITHOUT_COPY)
        gone(bytes);
    memory = added(__real_realloc(old, size));
    if (bytes < MOVES_WITHOUT_COPY)
        gone(bytes);
    return memory;
}

void __wrap_free(void *old)
{
    gone(old ? malloc_usable_size(old) : 0);
    __real_free(old);
}

/* NOLINTEND(bugprone-reserved-identifier) */

void counted_memory_start(void)
{
    now = peak = 0;
}

size_t counted_memory_peak(void)
{
    return peak;
}
