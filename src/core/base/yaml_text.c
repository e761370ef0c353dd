/*
 * A text stays bare only where it begins with a letter or "/" and holds no sign that means
 * something: what is in doubt is quoted. Control characters and all beyond ASCII are escaped.
 */
#include "pullthrough/core/base/yaml_text.h"

#include "pullthrough/core/base/utf8.h"

#include <string.h>
#include <strings.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_bare_byte(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c && strchr("-_./=+@", c));
}

/* YAML 1.1: !!bool and !!null. Numbers don't begin with a letter or "/". */
static bool means_something(struct slice text)
{
    static const char *const words[] = {"y",  "n",   "yes",  "no",    "true",
                                        "on", "off", "null", "false", NULL};

    for (size_t i = 0; words[i]; i++)
        if (text.len == strlen(words[i]) && strncasecmp(text.ptr, words[i], text.len) == 0)
            return true;
    return false;
}

static bool is_bare(struct slice text)
{
    if (!text.len || (!is_letter(text.ptr[0]) && text.ptr[0] != '/') || means_something(text))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_bare_byte(text.ptr[i]))
            return false;
    return true;
}

/* Cut the first character off; a byte that is not UTF-8 gives U+FFFD. */
static uint32_t take_character(struct slice *text)
{
    size_t length = utf8_length(text->ptr, text->len);
    unsigned char first = (unsigned char)text->ptr[0];
    uint32_t character = length == 1 ? first : first & (0x7fu >> length);

    for (size_t i = 1; i < length; i++)
        character = character << 6 | ((unsigned char)text->ptr[i] & 0x3f);
    *text = slice_from(*text, length ? length : 1);
    return length ? character : 0xfffd;
}

static void print_quoted(struct strbuf *out, struct slice text)
{
    strbuf_add_char(out, '"');
    while (text.len) {
        uint32_t c = take_character(&text);

        if (c == '"' || c == '\\')
            strbuf_add_char(out, '\\');
        if (c >= 0x20 && c < 0x7f)
            strbuf_add_char(out, (char)c);
        else if (c < 0x10000)
            strbuf_add_format(out, "\\u%04x", (unsigned)c);
        else
            strbuf_add_format(out, "\\U%08x", (unsigned)c);
    }
    strbuf_add_char(out, '"');
}

void yaml_text_print(struct strbuf *out, struct slice text)
{
    if (is_bare(text))
        strbuf_add_slice(out, text);
    else
        print_quoted(out, text);
}
