/*
 * Room is asked for before anything is written, so that a piece is appended whole or not at all.
 * Sizes double, up to the ceiling and its NUL.
 */
#include "pullthrough/core/base/strbuf.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/utf8.h"

#include <openssl/crypto.h>

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 1024 }; /* a review's patch and its answer fit after one doubling */

void strbuf_init(struct strbuf *buf, size_t ceiling)
{
    *buf = (struct strbuf){.ceiling = ceiling};
}

void strbuf_fini(struct strbuf *buf)
{
    bool secret = buf->secret;

    if (secret && buf->ptr)
        OPENSSL_cleanse(buf->ptr, buf->size);
    free(buf->ptr);
    strbuf_init(buf, buf->ceiling);
    buf->secret = secret;
}

void strbuf_clear(struct strbuf *buf)
{
    strbuf_truncate(buf, 0);
    buf->overflowed = false;
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    if (buf->secret && buf->ptr)
        OPENSSL_cleanse(buf->ptr + len, buf->size - len);
    buf->len = len;
    if (buf->ptr)
        buf->ptr[len] = '\0';
}

/* Never realloc() for a secret: it would leave the old bytes behind. */
static void grow(struct strbuf *buf, size_t size)
{
    char *ptr = alloc_made(buf->secret ? malloc(size) : realloc(buf->ptr, size));

    if (buf->secret && buf->ptr) {
        memcpy(ptr, buf->ptr, buf->len);
        OPENSSL_cleanse(buf->ptr, buf->size);
        free(buf->ptr);
    }
    buf->ptr = ptr;
    buf->size = size;
}

/* Room for `more` bytes and the NUL; NULL if that is over the ceiling. */
static char *reserve(struct strbuf *buf, size_t more)
{
    size_t size;

    if (buf->overflowed || more > buf->ceiling - buf->len) {
        buf->overflowed = true;
        return NULL;
    }
    if (buf->len + more < buf->size)
        return buf->ptr + buf->len;
    size = buf->size ? buf->size : FIRST_SIZE;
    while (size <= buf->len + more)
        size *= 2;
    if (size > buf->ceiling) /* the NUL's byte comes on top, where there is an end at all */
        size = buf->ceiling < SIZE_MAX ? buf->ceiling + 1 : SIZE_MAX;
    grow(buf, size);
    return buf->ptr + buf->len;
}

static void advance(struct strbuf *buf, size_t by)
{
    buf->len += by;
    buf->ptr[buf->len] = '\0';
}

void strbuf_add_slowly(struct strbuf *buf, const void *bytes, size_t len)
{
    char *at = reserve(buf, len);

    if (!at)
        return;
    if (len)
        memcpy(at, bytes, len);
    advance(buf, len);
}

void strbuf_add_u64(struct strbuf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    strbuf_add(buf, digits + at, sizeof(digits) - at);
}

void strbuf_add_format(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    char *at;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        abort();
    at = reserve(buf, (size_t)len);
    if (!at)
        return;
    va_start(args, format);
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    advance(buf, (size_t)len);
}

/* The escape for `c`, and how many bytes it is. */
static size_t json_escape(char escape[8], unsigned char c)
{
    switch (c) {
    case '"': memcpy(escape, "\\\"", 2); return 2;
    case '\\': memcpy(escape, "\\\\", 2); return 2;
    case '\n': memcpy(escape, "\\n", 2); return 2;
    case '\r': memcpy(escape, "\\r", 2); return 2;
    case '\t': memcpy(escape, "\\t", 2); return 2;
    default: return (size_t)snprintf(escape, 8, "\\u%04x", c);
    }
}

/* Append bytes of JSON inside a JSON string; returns how many bytes that took more. */
static size_t add_inside(struct strbuf *buf, const char *json, size_t len)
{
    size_t more = 0;

    for (size_t i = 0; i < len; i++) {
        if (json[i] == '"' || json[i] == '\\') {
            strbuf_add_char(buf, '\\');
            more++;
        }
        strbuf_add_char(buf, json[i]);
    }
    return more;
}

/* How many bytes from the start stand for themselves in a JSON string. Eight at a time: a
 * byte's high bit ends up set in `special` if it is below 0x20, above 0x7f, '"' or '\\' (or,
 * behind such a one, perhaps falsely, so that the last steps are by the byte). */
static size_t plain_length(const char *bytes, size_t len)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    size_t at = 0;

    for (; len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word, quote, backslash, special;

        memcpy(&word, bytes + at, sizeof(word));
        quote = word ^ (ones * '"');
        backslash = word ^ (ones * '\\');
        special = word | (word - ones * 0x20) | (quote - ones) | (backslash - ones);
        if (special & highs)
            break;
    }
    while (at < len && (unsigned char)bytes[at] >= 0x20 && (unsigned char)bytes[at] < 0x80 &&
           bytes[at] != '"' && bytes[at] != '\\')
        at++;
    return at;
}

/* What stands between the quotes of a JSON string, or of one inside a JSON string; returns how
 * many bytes the latter took more. */
static inline __attribute__((always_inline)) size_t add_json(struct strbuf *buf, struct slice text,
                                                             bool inside)
{
    const char *bytes = text.len > 0 ? text.ptr : ""; /* NULL + 0 is undefined in C */
    size_t plain = 0;                                 /* start of the run that is copied as it is */
    size_t at = 0, more = 0;

    while ((at += plain_length(bytes + at, text.len - at)) < text.len) {
        unsigned char c = (unsigned char)bytes[at];
        char escape[8];
        size_t step;

        if (c >= 0x80 && (step = utf8_length(bytes + at, text.len - at)) > 0) {
            at += step;
            continue;
        }
        strbuf_add(buf, bytes + plain, at - plain);
        if (c >= 0x80)
            strbuf_add_str(buf, "\xef\xbf\xbd"); /* U+FFFD */
        else if (inside)
            more += add_inside(buf, escape, json_escape(escape, c));
        else
            strbuf_add(buf, escape, json_escape(escape, c));
        plain = ++at;
    }
    strbuf_add(buf, bytes + plain, at - plain);
    return more;
}

void strbuf_add_json(struct strbuf *buf, struct slice text)
{
    strbuf_add_char(buf, '"');
    (void)add_json(buf, text, false);
    strbuf_add_char(buf, '"');
}

size_t strbuf_add_json_inside(struct strbuf *buf, struct slice text)
{
    size_t before = buf->len, more = add_json(buf, text, true);

    return buf->overflowed ? SIZE_MAX : buf->len - before - more;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Six bytes to eight characters at a time, as long as eight bytes can be read; the rest by
 * three. Patches are most of an answer, so this shows in the cost of a review. */
static void encode_base64(char *out, const unsigned char *in, size_t len)
{
    for (; len >= sizeof(uint64_t); len -= 6, in += 6, out += 8) {
        uint64_t bits;

        memcpy(&bits, in, sizeof(bits));
        bits = be64toh(bits);
        for (unsigned i = 0; i < 8; i++)
            out[i] = base64_alphabet[bits >> (58 - 6 * i) & 63];
    }
    for (; len > 0; len -= len < 3 ? len : 3, in += 3, out += 4) {
        unsigned second = len > 1 ? in[1] : 0, third = len > 2 ? in[2] : 0;

        out[0] = base64_alphabet[in[0] >> 2];
        out[1] = base64_alphabet[(in[0] & 3U) << 4 | second >> 4];
        out[2] = len > 1 ? base64_alphabet[(second & 15) << 2 | third >> 6] : '=';
        out[3] = len > 2 ? base64_alphabet[third & 63] : '=';
    }
}

void strbuf_add_base64(struct strbuf *buf, struct slice bytes)
{
    size_t total = (bytes.len / 3 + (bytes.len % 3 ? 1 : 0)) * 4;
    char *out = reserve(buf, total);

    if (!out)
        return;
    encode_base64(out, (const unsigned char *)bytes.ptr, bytes.len);
    advance(buf, total);
}

void strbuf_encode_base64(struct strbuf *buf, size_t from)
{
    size_t len = buf->len - from, total = (len / 3 + (len % 3 ? 1 : 0)) * 4;
    char *start, *moved;

    if (!reserve(buf, total - len))
        return;
    start = buf->ptr + from;
    moved = start + (total - len);
    /* From the end of its place the text is read before it is written over: behind k groups of
     * three there are at least total - len - k bytes between the two. */
    memmove(moved, start, len);
    encode_base64(start, (const unsigned char *)moved, len);
    advance(buf, total - len);
}

void strbuf_reserve(struct strbuf *buf, size_t more)
{
    size_t most = buf->ceiling - buf->len;

    if (more > most)
        more = most;
    if (!buf->overflowed && buf->len + more >= buf->size)
        grow(buf, buf->len + more + 1);
}

char *strbuf_detach(struct strbuf *buf)
{
    bool secret = buf->secret;
    char *text;

    if (!reserve(buf, 0) && !buf->ptr) { /* an overflow before anything was stored */
        text = alloc_zeroed(1, 1);
    } else {
        text = buf->ptr;
        text[buf->len] = '\0';
    }
    strbuf_init(buf, buf->ceiling);
    buf->secret = secret;
    return text;
}
