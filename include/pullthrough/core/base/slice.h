/*
 * A borrowed run of bytes: pointer and length, never NUL-terminated by promise.
 *
 * A slice owns nothing and is dead when the bytes it points into are. The zero
 * value is the empty slice.
 */
#ifndef PULLTHROUGH_CORE_BASE_SLICE_H
#define PULLTHROUGH_CORE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t len;
};

/* For printf's "%.*s". */
#define SLICE_FMT(s) (int)(s).len, (s).len ? (s).ptr : ""

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){.ptr = ptr, .len = len};
}

/* The text of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_str(const char *text)
{
    return (struct slice){.ptr = text, .len = text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_str(text));
}

static inline bool slice_starts_with(struct slice a, struct slice start)
{
    return a.len >= start.len && (start.len == 0 || memcmp(a.ptr, start.ptr, start.len) == 0);
}

static inline bool slice_ends_with(struct slice a, struct slice end)
{
    return a.len >= end.len &&
           (end.len == 0 || memcmp(a.ptr + a.len - end.len, end.ptr, end.len) == 0);
}

/* What is left after the first n bytes; n is at most a.len. */
static inline struct slice slice_from(struct slice a, size_t n)
{
    return slice_of(a.ptr ? a.ptr + n : NULL, a.len - n);
}

/* Where byte c first stands, or a.len if it stands nowhere. */
static inline size_t slice_find(struct slice a, char c)
{
    const char *at = a.len ? memchr(a.ptr, c, a.len) : NULL;

    return at ? (size_t)(at - a.ptr) : a.len;
}

/* Take off, and give, what stands before the first byte c, which goes too; all where it stands
 * nowhere. */
static inline struct slice slice_cut(struct slice *rest, char c)
{
    size_t end = slice_find(*rest, c);
    struct slice piece = slice_of(rest->ptr, end);

    *rest = slice_from(*rest, end < rest->len ? end + 1 : end);
    return piece;
}

/* Like slice_find(), for the last occurrence. */
static inline size_t slice_find_last(struct slice a, char c)
{
    const char *at = a.len ? memrchr(a.ptr, c, a.len) : NULL;

    return at ? (size_t)(at - a.ptr) : a.len;
}

#endif
