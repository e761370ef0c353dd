/*
 * A walk along the members of the body and of its request; what is inside of those is stepped
 * over by counting brackets. Strings are handed to yyjson one by one, with a pool on the stack.
 *
 * It refuses to be a second parser: it runs only after yyjson has given up for memory.
 */
#include "review_envelope.h"

#include <string.h>
#include <yyjson.h>

enum {
    ESCAPED = 6, /* bytes of one byte that is written as \uXXXX */
    /* yyjson's copy of a string of REVIEW_UID_MAX bytes at their longest, and its few values. */
    POOL_BYTES = 4 * (REVIEW_UID_MAX * ESCAPED + 2) + 1024,
};

struct scan {
    const char *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct scan *scan)
{
    while (scan->at < scan->end && is_space(*scan->at))
        scan->at++;
}

/* Behind `c`, which must come next but for spaces. */
static bool skip_char(struct scan *scan, char c)
{
    skip_spaces(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* A string with its quotes. */
static bool skip_string(struct scan *scan, struct slice *string)
{
    const char *start;

    if (!skip_char(scan, '"'))
        return false;
    start = scan->at - 1;
    for (; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        if ((unsigned char)*scan->at < 0x20)
            return false;
        if (*scan->at == '\\' && ++scan->at == scan->end)
            return false;
    }
    if (scan->at == scan->end)
        return false;
    scan->at++;
    *string = slice_of(start, (size_t)(scan->at - start));
    return true;
}

/* A number, true, false or null, by the letters that they are made of. */
static bool skip_word(struct scan *scan)
{
    const char *start = scan->at;

    while (scan->at < scan->end && *scan->at != '\0' &&
           strchr("0123456789+-.eEtrufalsn", *scan->at))
        scan->at++;
    return scan->at > start;
}

static bool skip_nested(struct scan *scan)
{
    struct slice string;

    for (size_t depth = 0; scan->at < scan->end;) {
        char c = *scan->at;

        if (c == '"') {
            if (!skip_string(scan, &string))
                return false;
            continue;
        }
        scan->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

/* Any value; a string is given back, otherwise *string is empty. */
static bool skip_value(struct scan *scan, struct slice *string)
{
    *string = slice_of(NULL, 0);
    skip_spaces(scan);
    if (scan->at == scan->end)
        return false;
    if (*scan->at == '"')
        return skip_string(scan, string);
    if (*scan->at == '{' || *scan->at == '[')
        return skip_nested(scan);
    return skip_word(scan);
}

/* What a string with its quotes says, in `text` of `size` bytes. 0 bytes where it is no text or
 * a longer one. */
static size_t decode(struct slice string, char *text, size_t size)
{
    char pool[POOL_BYTES];
    yyjson_alc allocator;
    yyjson_doc *doc;
    yyjson_val *root;
    size_t bytes = 0;

    if (string.len > size * ESCAPED + 2 || !yyjson_alc_pool_init(&allocator, pool, sizeof(pool)))
        return 0;
    doc = yyjson_read_opts((char *)string.ptr, string.len, 0, &allocator, NULL);
    root = yyjson_doc_get_root(doc);
    if (yyjson_is_str(root) && yyjson_get_len(root) <= size) {
        bytes = yyjson_get_len(root);
        memcpy(text, yyjson_get_str(root), bytes);
    }
    return bytes;
}

static bool is_key(struct slice string, const char *key)
{
    char text[16];
    size_t bytes = decode(string, text, sizeof(text));

    return bytes == strlen(key) && memcmp(text, key, bytes) == 0;
}

/* Before a member: behind the object's "{" or a comma. 1 a member, 0 the object's end, -1. */
static int next_member(struct scan *scan, bool first, struct slice *key)
{
    if (skip_char(scan, '}'))
        return 0;
    if (!first && !skip_char(scan, ','))
        return -1;
    skip_spaces(scan);
    return skip_string(scan, key) && skip_char(scan, ':') ? 1 : -1;
}

static bool read_request(struct scan *scan, struct review_envelope *envelope)
{
    struct slice key, value;
    int r;

    envelope->uid_bytes = 0;
    skip_spaces(scan);
    if (scan->at == scan->end || *scan->at != '{')
        return skip_value(scan, &value);
    scan->at++;
    for (bool first = true; (r = next_member(scan, first, &key)) > 0; first = false) {
        if (!skip_value(scan, &value))
            return false;
        if (is_key(key, "uid"))
            envelope->uid_bytes = decode(value, envelope->uid, sizeof(envelope->uid));
    }
    return r == 0;
}

bool review_envelope_read(struct review_envelope *envelope, struct slice body)
{
    struct scan scan = {.at = body.ptr, .end = body.ptr + body.len};
    struct slice key, value;
    int r;

    *envelope = (struct review_envelope){.uid_bytes = 0};
    if (!skip_char(&scan, '{'))
        return false;
    for (bool first = true; (r = next_member(&scan, first, &key)) > 0; first = false) {
        bool request = is_key(key, "request");

        if (request ? !read_request(&scan, envelope) : !skip_value(&scan, &value))
            return false;
        if (is_key(key, "apiVersion")) {
            size_t bytes = decode(value, envelope->api_version, sizeof(envelope->api_version) - 1);

            envelope->api_version[bytes] = '\0';
        }
    }
    skip_spaces(&scan);
    return r == 0 && scan.at == scan.end;
}
