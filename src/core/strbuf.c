#include "pullthrough/core/strbuf.h"

#include "pullthrough/core/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 256 };

void strbuf_init(struct strbuf *buf, size_t ceiling)
{
    *buf = (struct strbuf){.ceiling = ceiling};
}

void strbuf_fini(struct strbuf *buf)
{
    free(buf->ptr);
    strbuf_init(buf, buf->ceiling);
}

void strbuf_clear(struct strbuf *buf)
{
    strbuf_truncate(buf, 0);
    buf->overflowed = false;
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    buf->len = len;
    if (buf->ptr)
        buf->ptr[len] = '\0';
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
    buf->ptr = realloc(buf->ptr, size);
    if (!buf->ptr)
        abort();
    buf->size = size;
    return buf->ptr + buf->len;
}

static void advance(struct strbuf *buf, size_t by)
{
    buf->len += by;
    buf->ptr[buf->len] = '\0';
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
    char *at = reserve(buf, len);

    if (!at)
        return;
    if (len)
        memcpy(at, bytes, len);
    advance(buf, len);
}

void strbuf_add_slice(struct strbuf *buf, struct slice text)
{
    strbuf_add(buf, text.ptr, text.len);
}

void strbuf_add_str(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
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

static void add_json_escape(struct strbuf *buf, unsigned char c)
{
    switch (c) {
    case '"': strbuf_add_str(buf, "\\\""); break;
    case '\\': strbuf_add_str(buf, "\\\\"); break;
    case '\n': strbuf_add_str(buf, "\\n"); break;
    case '\r': strbuf_add_str(buf, "\\r"); break;
    case '\t': strbuf_add_str(buf, "\\t"); break;
    default: strbuf_add_format(buf, "\\u%04x", c); break;
    }
}

void strbuf_add_json(struct strbuf *buf, struct slice text)
{
    const char *bytes = text.ptr;
    size_t plain = 0; /* start of the run that is copied as it is */
    size_t at = 0;

    strbuf_add_char(buf, '"');
    while (at < text.len) {
        unsigned char c = (unsigned char)bytes[at];
        size_t step = 1;

        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        if (c >= 0x80 && (step = utf8_length(bytes + at, text.len - at)) > 0) {
            at += step;
            continue;
        }
        strbuf_add(buf, bytes + plain, at - plain);
        if (c >= 0x80)
            strbuf_add_str(buf, "\xef\xbf\xbd"); /* U+FFFD */
        else
            add_json_escape(buf, c);
        plain = ++at;
    }
    strbuf_add(buf, bytes + plain, at - plain);
    strbuf_add_char(buf, '"');
}

void strbuf_add_base64(struct strbuf *buf, struct slice bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    size_t groups = bytes.len / 3, rest = bytes.len % 3;
    size_t total = (groups + (rest ? 1 : 0)) * 4;
    char *out = reserve(buf, total);

    if (!out)
        return;
    for (; groups > 0; groups--, in += 3, out += 4) {
        out[0] = alphabet[in[0] >> 2];
        out[1] = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
        out[2] = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
        out[3] = alphabet[in[2] & 63];
    }
    if (rest) {
        unsigned second = rest == 2 ? in[1] : 0;

        out[0] = alphabet[in[0] >> 2];
        out[1] = alphabet[(in[0] & 3U) << 4 | second >> 4];
        out[2] = rest == 2 ? alphabet[(second & 15) << 2] : '=';
        out[3] = '=';
    }
    advance(buf, total);
}

char *strbuf_detach(struct strbuf *buf)
{
    char *text;

    if (!reserve(buf, 0) && !buf->ptr) { /* an overflow before anything was stored */
        text = calloc(1, 1);
        if (!text)
            abort();
    } else {
        text = buf->ptr;
        text[buf->len] = '\0';
    }
    strbuf_init(buf, buf->ceiling);
    return text;
}
