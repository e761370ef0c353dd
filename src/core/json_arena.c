#include "pullthrough/core/json_arena.h"

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void *reallocate(void *arena, void *old, size_t old_size, size_t size)
{
    return arena_realloc(arena, old, old_size, size);
}

static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory;
}

yyjson_val *json_arena_read(struct arena *arena, struct slice text)
{
    yyjson_alc allocator = {allocate, reallocate, release, arena};

    /* Without YYJSON_READ_INSITU the text is not written to, whatever the type says. */
    return yyjson_doc_get_root(
        yyjson_read_opts((char *)text.ptr, text.len, YYJSON_READ_NUMBER_AS_RAW, &allocator, NULL));
}

size_t json_arena_bytes(size_t text_bytes)
{
    /* A copy of the text, and yyjson's first guess of a 16-byte value for every 6 bytes. */
    return text_bytes + text_bytes / 6 * sizeof(yyjson_val) + 512;
}
