/*
 * A strict JSON reader: a loop over tokens, with the builder's stack for the nesting.
 *
 * It refuses everything that isn't JSON, comments and trailing commas too: such a text may
 * still be YAML, and the caller asks libyaml next.
 */
#include "json_nodes.h"

#include "pullthrough/core/base/utf8.h"

#include "yaml_marks.h"

#include <stdint.h>

enum expect { EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COMMA };

struct reader {
    struct yaml_builder *builder;
    struct slice text;
    size_t at;
    struct yaml_place place; /* of text[at] */
    enum expect expect;
    struct error *error;
};

static int not_json(struct reader *reader, const char *reason)
{
    error_set(reader->error, "%s", reason);
    return JSON_NODES_NOT_JSON;
}

static bool at_end(const struct reader *reader)
{
    return reader->at >= reader->text.len;
}

/* The byte at hand; NUL at the end, which no token begins with. */
static char peek(const struct reader *reader)
{
    return at_end(reader) ? '\0' : reader->text.ptr[reader->at];
}

/* Over one byte that ends no line. */
static void step(struct reader *reader)
{
    if (((unsigned char)peek(reader) & 0xc0) != 0x80)
        reader->place.column++;
    reader->at++;
}

static void skip_white(struct reader *reader)
{
    for (;; reader->at++) {
        char c = peek(reader);

        if (c == ' ' || c == '\t') {
            reader->place.column++;
        } else if (c == '\n' || c == '\r') {
            if (c == '\r' && reader->at + 1 < reader->text.len &&
                reader->text.ptr[reader->at + 1] == '\n')
                reader->at++;
            reader->place.line++;
            reader->place.column = 1;
        } else {
            return;
        }
    }
}

static int read_hex4(struct reader *reader, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = peek(reader);

        if (c >= '0' && c <= '9')
            *code = *code << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            *code = *code << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return not_json(reader, "four hexadecimal digits must follow \\u");
        step(reader);
    }
    return 0;
}

/* Behind "\u" of a string. */
static int read_code_point(struct reader *reader, uint32_t *code)
{
    struct reader behind;
    uint32_t low;
    int r = read_hex4(reader, code);

    if (r != 0 || *code < 0xd800 || *code > 0xdfff)
        return r;
    behind = *reader;
    if (*code <= 0xdbff && peek(&behind) == '\\') {
        step(&behind);
        if (peek(&behind) == 'u') {
            step(&behind);
            if (read_hex4(&behind, &low) != 0) {
                *reader = behind;
                return JSON_NODES_NOT_JSON;
            }
            if (low >= 0xdc00 && low <= 0xdfff) {
                *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
                *reader = behind;
                return 0;
            }
        }
    }
    *code = 0xfffd;
    return 0;
}

/* Behind the backslash; *out moves on behind what was written. */
static int read_escape(struct reader *reader, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t code;
    char c = peek(reader);

    if (c == 'u') {
        step(reader);
        if (read_code_point(reader, &code) != 0)
            return JSON_NODES_NOT_JSON;
        *out += utf8_encode(*out, code);
        return 0;
    }
    letter = c ? strchr(letters, c) : NULL;
    if (!letter)
        return not_json(reader, "unknown escape in a string");
    *(*out)++ = meanings[letter - letters];
    step(reader);
    return 0;
}

/* The end of the string that begins at hand, behind its quote; or the text's length. */
static size_t string_end(const struct reader *reader)
{
    size_t at = reader->at + 1;

    while (at < reader->text.len && reader->text.ptr[at] != '"')
        at += reader->text.ptr[at] == '\\' ? 2 : 1;
    return at < reader->text.len ? at + 1 : reader->text.len;
}

static int read_string(struct reader *reader, struct yaml_node *node)
{
    char *text = arena_alloc(&reader->builder->arena, string_end(reader) - reader->at + 1);
    char *out = text;

    node->style = YAML_DOUBLE_QUOTED;
    step(reader);
    while (peek(reader) != '"') {
        if (at_end(reader))
            return not_json(reader, "a string has no end");
        if ((unsigned char)peek(reader) < 0x20)
            return not_json(reader, "a control character in a string");
        if (peek(reader) == '\\') {
            step(reader);
            if (read_escape(reader, &out) != 0)
                return JSON_NODES_NOT_JSON;
            continue;
        }
        *out++ = peek(reader);
        step(reader);
    }
    step(reader);
    *out = '\0';
    node->text = slice_of(text, (size_t)(out - text));
    return 0;
}

static size_t skip_digits(struct reader *reader)
{
    size_t from = reader->at;

    while (peek(reader) >= '0' && peek(reader) <= '9')
        step(reader);
    return reader->at - from;
}

/* RFC 8259, section 6 */
static bool skip_number(struct reader *reader)
{
    bool zero;

    if (peek(reader) == '-')
        step(reader);
    zero = peek(reader) == '0';
    if (zero)
        step(reader);
    else if (!skip_digits(reader))
        return false;
    if (peek(reader) == '.') {
        step(reader);
        if (!skip_digits(reader))
            return false;
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        step(reader);
        if (peek(reader) == '+' || peek(reader) == '-')
            step(reader);
        if (!skip_digits(reader))
            return false;
    }
    return true;
}

static bool skip_word(struct reader *reader, const char *word)
{
    struct reader behind = *reader;

    for (; *word; word++) {
        if (peek(&behind) != *word)
            return false;
        step(&behind);
    }
    *reader = behind;
    return true;
}

static int read_word_or_number(struct reader *reader, struct yaml_node *node)
{
    size_t from = reader->at;
    struct slice word;

    if (!skip_word(reader, "true") && !skip_word(reader, "false") && !skip_word(reader, "null") &&
        !skip_number(reader))
        return not_json(reader, "a JSON value was expected");
    word = slice_of(reader->text.ptr + from, reader->at - from);
    node->text = slice_of(arena_text(&reader->builder->arena, word), word.len);
    return 0;
}

static enum expect after_value(const struct reader *reader)
{
    return yaml_builder_innermost(reader->builder) ? EXPECT_COMMA : EXPECT_VALUE;
}

static int close_collection(struct reader *reader)
{
    struct yaml_node *node;

    step(reader);
    node = yaml_builder_close(reader->builder);
    node->end = reader->at;
    if (!yaml_builder_innermost(reader->builder))
        yaml_builder_end_document(reader->builder);
    reader->expect = after_value(reader);
    return 0;
}

static int read_value(struct reader *reader)
{
    bool mapping = peek(reader) == '{', collection = mapping || peek(reader) == '[';
    struct yaml_node *node;
    int r;

    if (!collection && !yaml_builder_innermost(reader->builder))
        return not_json(reader, "a JSON object or array was expected");
    node = yaml_builder_add(reader->builder,
                            mapping      ? YAML_MAPPING
                            : collection ? YAML_SEQUENCE
                                         : YAML_SCALAR,
                            reader->place, reader->error);
    if (!node)
        return -1;
    node->start = reader->at;
    if (collection) {
        if (yaml_builder_open(reader->builder, node, true, reader->error) != 0)
            return -1;
        step(reader);
        reader->expect = mapping ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
        return 0;
    }
    r = peek(reader) == '"' ? read_string(reader, node) : read_word_or_number(reader, node);
    node->end = reader->at;
    reader->expect = EXPECT_COMMA;
    return r;
}

static int read_key(struct reader *reader)
{
    struct yaml_node *node;
    int r;

    if (peek(reader) != '"')
        return not_json(reader, "a key in double quotes was expected");
    node = yaml_builder_add(reader->builder, YAML_SCALAR, reader->place, reader->error);
    if (!node)
        return -1;
    node->start = reader->at;
    r = read_string(reader, node);
    if (r != 0)
        return r;
    node->end = reader->at;
    skip_white(reader);
    if (peek(reader) != ':')
        return not_json(reader, "a colon was expected behind a key");
    step(reader);
    reader->expect = EXPECT_VALUE;
    return 0;
}

static int read_comma(struct reader *reader)
{
    bool mapping = yaml_builder_innermost(reader->builder)->kind == YAML_MAPPING;

    if (peek(reader) == (mapping ? '}' : ']'))
        return close_collection(reader);
    if (peek(reader) != ',')
        return not_json(reader,
                        mapping ? "a comma or } was expected" : "a comma or ] was expected");
    step(reader);
    reader->expect = mapping ? EXPECT_KEY : EXPECT_VALUE;
    return 0;
}

static int read_token(struct reader *reader)
{
    switch (reader->expect) {
    case EXPECT_VALUE_OR_END:
        return peek(reader) == ']' ? close_collection(reader) : read_value(reader);
    case EXPECT_KEY_OR_END:
        return peek(reader) == '}' ? close_collection(reader) : read_key(reader);
    case EXPECT_KEY: return read_key(reader);
    case EXPECT_COMMA: return read_comma(reader);
    case EXPECT_VALUE: break;
    }
    return read_value(reader);
}

/* Over white, and byte order marks of texts that were joined. */
static void skip_marks(struct reader *reader)
{
    size_t skipped;

    do {
        skip_white(reader);
        skipped = yaml_marks_length(reader->text, reader->at);
        reader->at += skipped;
    } while (skipped);
}

/* Over what may stand between documents: a line "---" too, as kubectl takes it. */
static void skip_separator(struct reader *reader)
{
    struct reader behind;

    skip_marks(reader);
    behind = *reader;
    if (reader->place.column != 1 || !skip_word(&behind, "---"))
        return;
    skip_white(&behind);
    if (behind.place.line <= reader->place.line)
        return;
    *reader = behind;
    skip_marks(reader);
}

int json_nodes_read(struct yaml_builder *builder, struct slice text, size_t from,
                    struct yaml_place *problem, struct error *error)
{
    struct reader reader = {.builder = builder,
                            .text = text,
                            .at = from,
                            .place = {.line = 1, .column = 1},
                            .error = error};
    int r = 0;

    while (r == 0) {
        skip_white(&reader);
        if (!yaml_builder_innermost(builder)) {
            skip_separator(&reader);
            if (at_end(&reader))
                return 0;
        } else if (at_end(&reader)) {
            r = not_json(&reader, "the JSON text ends too early");
            break;
        }
        r = read_token(&reader);
    }
    *problem = reader.place;
    return r;
}
