/*
 * The C library's allocator, asked once and for all whether it gave anything. It refuses to tell
 * its callers: a process that can't get a few bytes more is started anew, not carried on.
 */
#include "pullthrough/core/base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 16 };

void alloc_must(bool worked)
{
    if (!worked)
        abort();
}

void *alloc_made(void *made)
{
    alloc_must(made != NULL);
    return made;
}

/* At least one. No object is larger than half of what a size can say. */
static size_t bytes_of(size_t n, size_t item_bytes)
{
    if (n == 0 || item_bytes == 0)
        return 1;
    alloc_must(n <= SIZE_MAX / 2 / item_bytes);
    return n * item_bytes;
}

void *alloc_zeroed(size_t n, size_t item_bytes)
{
    return alloc_made(calloc(1, bytes_of(n, item_bytes)));
}

char *alloc_text(struct slice text)
{
    char *copy = alloc_zeroed(text.len + 1, 1);

    if (text.len)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

char *alloc_string(const char *text)
{
    return text ? alloc_made(strdup(text)) : NULL;
}

char *alloc_texts(struct slice *const texts[], size_t n)
{
    size_t bytes = 0;
    char *all, *at;

    for (size_t i = 0; i < n; i++)
        bytes += texts[i]->len;
    all = at = alloc_zeroed(bytes, 1);
    for (size_t i = 0; i < n; at += texts[i]->len, i++) {
        if (texts[i]->len)
            memcpy(at, texts[i]->ptr, texts[i]->len);
        texts[i]->ptr = at;
    }
    return all;
}

void alloc_replace(char **text, const char *with)
{
    char *copy = alloc_string(with);

    free(*text);
    *text = copy;
}

void *alloc_grown(void *array, size_t n, size_t *size, size_t item_bytes)
{
    if (n < *size)
        return array;
    alloc_must(*size <= SIZE_MAX / 2);
    *size = *size ? 2 * *size : FIRST_ITEMS;
    return alloc_made(realloc(array, bytes_of(*size, item_bytes)));
}
