/*
 * A growing text buffer with a ceiling.
 *
 * Going over the ceiling is remembered, nothing more is appended, and
 * strbuf_overflowed() says so once at the end: twenty appends need one check.
 * The text is NUL-terminated for convenience; a NUL inside is kept (use the slice).
 * When memory runs out the process aborts: every ceiling is small.
 *
 * A secret buffer wipes its bytes wherever it leaves them: when it grows, is cleared, cut
 * back or freed. (strbuf_detach() hands the duty to the caller.)
 */
#ifndef PULLTHROUGH_CORE_BASE_STRBUF_H
#define PULLTHROUGH_CORE_BASE_STRBUF_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
    char *ptr;      /* owned; NULL until the first append */
    size_t len;     /* bytes of text */
    size_t size;    /* bytes allocated, the NUL's too: never more than ceiling + 1 */
    size_t ceiling; /* most bytes of text */
    bool overflowed;
    bool secret; /* set before the first append */
};

#define STRBUF_CLEANUP __attribute__((cleanup(strbuf_fini)))
#define STRBUF_INIT(most)                                                                          \
    {                                                                                              \
        .ceiling = (most)                                                                          \
    }
#define STRBUF_SECRET_INIT(most)                                                                   \
    {                                                                                              \
        .ceiling = (most), .secret = true                                                          \
    }

void strbuf_init(struct strbuf *buf, size_t ceiling);
/* Frees the text; the buffer is empty and usable again, secret if it was. */
void strbuf_fini(struct strbuf *buf);

/* Empties the text and forgets an overflow; the memory is kept. */
void strbuf_clear(struct strbuf *buf);
/* Cuts the text back to len bytes; len is at most buf->len. */
void strbuf_truncate(struct strbuf *buf, size_t len);

/* What strbuf_add() does where there is no room at hand. */
void strbuf_add_slowly(struct strbuf *buf, const void *bytes, size_t len);

/* Inline, so that a literal costs a comparison and a store. */
static inline __attribute__((always_inline)) void strbuf_add(struct strbuf *buf, const void *bytes,
                                                             size_t len)
{
    if (len >= buf->size - buf->len || buf->overflowed) {
        strbuf_add_slowly(buf, bytes, len);
        return;
    }
    if (len) /* `bytes` of an empty slice may be NULL */
        memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

static inline __attribute__((always_inline)) void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_add_u64(struct strbuf *buf, uint64_t number);
void strbuf_add_format(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes (RFC 8259, section 7): quotes, backslashes and bytes
 * below 0x20 are escaped; bytes that are not UTF-8 become U+FFFD, so the output always is. */
void strbuf_add_json(struct strbuf *buf, struct slice text);

/* The same without its quotes, as it stands in a JSON text that is itself inside a JSON string:
 * escaped once more. Returns its bytes in the inner text, SIZE_MAX after an overflow. */
size_t strbuf_add_json_inside(struct strbuf *buf, struct slice text);

/* Standard base64 with padding (RFC 4648, section 4). The bytes must not lie in buf. */
void strbuf_add_base64(struct strbuf *buf, struct slice bytes);
/* The same of the buffer's own bytes from `from` on, in their place. */
void strbuf_encode_base64(struct strbuf *buf, size_t from);

/* Make room for `more` bytes, or for as many as the ceiling allows: when the size of a text is
 * known about, one allocation instead of a series. */
void strbuf_reserve(struct strbuf *buf, size_t more);

static inline void strbuf_add_slice(struct strbuf *buf, struct slice text)
{
    strbuf_add(buf, text.ptr, text.len);
}

static inline __attribute__((always_inline)) void strbuf_add_str(struct strbuf *buf,
                                                                 const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

static inline bool strbuf_overflowed(const struct strbuf *buf)
{
    return buf->overflowed;
}

/* Borrowed; dead at the next append. */
static inline struct slice strbuf_slice(const struct strbuf *buf)
{
    return slice_of(buf->ptr, buf->len);
}

/* Borrowed, NUL-terminated, never NULL; dead at the next append. */
static inline const char *strbuf_str(const struct strbuf *buf)
{
    return buf->ptr ? buf->ptr : "";
}

/* Moves the text out: NUL-terminated, never NULL, the caller frees it. The buffer is empty. */
char *strbuf_detach(struct strbuf *buf);

#endif
