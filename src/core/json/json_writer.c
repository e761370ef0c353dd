/*
 * Only whether a comma is due is remembered, and which bracket ends what is open. It refuses to
 * hold values: what is written is written.
 *
 * A document may be printed on a terminal. So what might be obeyed there, or turn the text round,
 * is written as an escape: the same text to who reads JSON.
 */
#include "pullthrough/core/json/json_writer.h"

#include "pullthrough/core/base/utf8.h"

static void add_break(struct json_writer *json)
{
    strbuf_add_format(json->out, "\n%*s", (int)json->line - 1, "");
    json->line = 0;
}

void json_add_line(struct json_writer *json, unsigned spaces)
{
    json->line = spaces + 1;
}

struct strbuf *json_add(struct json_writer *json, const char *name)
{
    if (json->more)
        strbuf_add_char(json->out, ',');
    if (json->line)
        add_break(json);
    else if (json->more && json->spaced)
        strbuf_add_char(json->out, ' ');
    json->more = true;
    if (name) {
        strbuf_add_json(json->out, slice_str(name));
        strbuf_add_str(json->out, json->spaced ? ": " : ":");
    }
    return json->out;
}

static void start(struct json_writer *json, const char *name, bool array)
{
    strbuf_add_char(json_add(json, name), array ? '[' : '{');
    json->more = false;
    json->arrays = json->arrays << 1 | array;
    json->depth++;
}

void json_add_object(struct json_writer *json, const char *name)
{
    start(json, name, false);
}

struct json_writer json_begin(struct strbuf *out, bool spaced)
{
    struct json_writer json = {.out = out, .spaced = spaced};

    json_add_object(&json, NULL);
    return json;
}

void json_add_array(struct json_writer *json, const char *name)
{
    start(json, name, true);
}

void json_end(struct json_writer *json)
{
    if (json->line)
        add_break(json);
    strbuf_add_char(json->out, json->arrays & 1 ? ']' : '}');
    json->more = true;
    json->arrays >>= 1;
    json->depth--;
}

void json_end_all(struct json_writer *json)
{
    while (json->depth)
        json_end(json);
}

/* The character's code. */
static uint32_t code_of(const char *character, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)character[0] & masks[length];

    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)character[i] & 0x3f);
    return code;
}

static void add_code(struct strbuf *out, uint32_t code)
{
    if (code >= 0x10000) {
        strbuf_add_format(out, "\\u%04x", (unsigned)(0xd7c0 + (code >> 10)));
        code = 0xdc00 | (code & 0x3ff);
    }
    strbuf_add_format(out, "\\u%04x", (unsigned)code);
}

static bool is_shown(struct slice character)
{
    return utf8_is_printable(character.ptr, character.len);
}

/* The first character of well-formed text. */
static struct slice first_of(struct slice text)
{
    return slice_of(text.ptr, utf8_length(text.ptr, text.len));
}

static void add_text(struct strbuf *out, struct slice text)
{
    STRBUF_CLEANUP struct strbuf kept = STRBUF_SECRET_INIT(out->ceiling);
    size_t at = out->len;
    struct slice rest;

    strbuf_add_json(out, text);
    if (strbuf_overflowed(out))
        return; /* and what is there may end within a character */
    while (at < out->len && is_shown(first_of(slice_from(strbuf_slice(out), at))))
        at += first_of(slice_from(strbuf_slice(out), at)).len;
    if (at == out->len)
        return;
    strbuf_add_slice(&kept, slice_from(strbuf_slice(out), at));
    strbuf_truncate(out, at);
    for (rest = strbuf_slice(&kept); rest.len > 0;) {
        struct slice character = first_of(rest);

        if (is_shown(character))
            strbuf_add_slice(out, character);
        else
            add_code(out, code_of(character.ptr, character.len));
        rest = slice_from(rest, character.len);
    }
}

void json_add_text(struct json_writer *json, const char *name, const char *text)
{
    if (text)
        add_text(json_add(json, name), slice_str(text));
    else
        strbuf_add_str(json_add(json, name), "null");
}

void json_add_given(struct json_writer *json, const char *name, const char *text)
{
    if (text && *text)
        json_add_text(json, name, text);
}

void json_add_slice(struct json_writer *json, const char *name, struct slice text)
{
    add_text(json_add(json, name), text);
}

void json_add_number(struct json_writer *json, const char *name, uint64_t number)
{
    strbuf_add_u64(json_add(json, name), number);
}

void json_add_bool(struct json_writer *json, const char *name, bool value)
{
    strbuf_add_str(json_add(json, name), value ? "true" : "false");
}

/* Where the string ends that begins at `at`. */
static size_t string_end(struct slice text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        at += text.ptr[at] == '\\';
    return at < text.len ? at + 1 : text.len;
}

static bool is_empty_at(struct slice text, size_t at)
{
    return at + 1 < text.len && (text.ptr[at + 1] == '}' || text.ptr[at + 1] == ']');
}

void json_print_indented(struct strbuf *out, struct slice text)
{
    struct json_writer json = {.out = out};
    size_t depth = 0, end;

    for (size_t at = 0; at < text.len; at = end) {
        const char c = text.ptr[at];
        const bool opens = c == '{' || c == '[';
        const bool empty = opens && is_empty_at(text, at);

        end = c == '"' ? string_end(text, at) : at + 1 + empty;
        depth += opens && !empty;
        json.line = (unsigned)(2 * depth + 1);
        if (c == '}' || c == ']') {
            json.line = (unsigned)(2 * --depth + 1);
            add_break(&json);
        }
        strbuf_add_slice(out, slice_of(text.ptr + at, end - at));
        if (c == ':')
            strbuf_add_char(out, ' ');
        else if ((opens && !empty) || c == ',')
            add_break(&json);
    }
}
