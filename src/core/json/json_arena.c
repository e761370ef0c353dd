/*
 * What yyjson asks of an allocator: a copy of the text, and an array of values that grows by
 * half. It gives both back when the text turns out to be no JSON.
 */
#include "pullthrough/core/json/json_arena.h"

enum {
    PADDING = 512,     /* yyjson's own header, and rounding */
    BYTES_A_VALUE = 6, /* yyjson's first guess (YYJSON_READER_ESTIMATED_MINIFY_RATIO) */
};

static void *allocate(void *arena, size_t size)
{
    return arena_try_alloc(arena, size);
}

static void *reallocate(void *arena, void *old, size_t old_size, size_t size)
{
    return arena_try_realloc(arena, old, old_size, size);
}

static void release(void *arena, void *memory)
{
    arena_release(arena, memory);
}

yyjson_val *json_arena_read(struct arena *arena, struct slice text, bool *too_much)
{
    yyjson_alc allocator = {allocate, reallocate, release, arena};
    yyjson_read_err problem;
    /* Without YYJSON_READ_INSITU the text is not written to, whatever the type says. */
    yyjson_doc *doc = yyjson_read_opts((char *)text.ptr, text.len, YYJSON_READ_NUMBER_AS_RAW,
                                       &allocator, &problem);

    *too_much = !doc && problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION;
    return yyjson_doc_get_root(doc);
}

size_t json_arena_bytes(size_t text_bytes)
{
    size_t values = text_bytes / BYTES_A_VALUE * sizeof(yyjson_val) + PADDING;

    /* What is large has blocks of its own. */
    return (text_bytes < ARENA_LARGE ? text_bytes : 0) + (values < ARENA_LARGE ? values : 0);
}
