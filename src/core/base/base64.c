/*
 * Four characters at a time. What an encoder would not have written is refused, so that equal
 * bytes always have equal texts.
 */
#include "pullthrough/core/base/base64.h"

#include <stdint.h>

enum { PADDING = 64, NO_DIGIT = 65 };

static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    switch (c) {
    case '+': return 62;
    case '/': return 63;
    case '=': return PADDING;
    default: return NO_DIGIT;
    }
}

/* Append the bytes of one group; false where it is none. Padding is for the last one. */
static bool decode_group(struct strbuf *out, const char *group, bool last)
{
    unsigned digits[4], padding = 0;
    uint32_t bits = 0;
    char bytes[3];

    for (unsigned i = 0; i < 4; i++) {
        digits[i] = digit_of(group[i]);
        if (digits[i] == NO_DIGIT || (padding && digits[i] != PADDING))
            return false;
        padding += digits[i] == PADDING;
        bits = bits << 6 | (digits[i] & 63);
    }
    if (padding > 2 || (padding && !last) || bits & ((UINT32_C(1) << 8 * padding) - 1))
        return false;
    for (unsigned i = 0; i < 3; i++)
        bytes[i] = (char)(bits >> (16 - 8 * i) & 0xff);
    strbuf_add(out, bytes, 3 - padding);
    return true;
}

int base64_decode(struct strbuf *out, struct slice text, struct error *error)
{
    size_t start = out->len;
    bool holds = text.len % 4 == 0;

    for (size_t at = 0; holds && at < text.len; at += 4)
        holds = decode_group(out, text.ptr + at, at + 4 == text.len);
    if (holds && !strbuf_overflowed(out))
        return 0;
    (void)error_set(error, holds ? "over %zu bytes" : "no base64", out->ceiling - start);
    strbuf_truncate(out, start);
    return -1;
}
