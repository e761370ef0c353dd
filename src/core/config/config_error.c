/*
 * Errors name the key by its whole path, because a line number alone is lost as soon
 * as the text has gone through a template.
 */
#include "config_error.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdio.h>

enum { SHOWN_MAX = 60 };

static void print_place(struct strbuf *out, const struct config_place *place)
{
    if (!place)
        return;
    print_place(out, place->parent);
    if (!place->key) {
        strbuf_add_format(out, "[%zu]", place->index);
        return;
    }
    if (place->parent)
        strbuf_add_char(out, '.');
    strbuf_add_str(out, place->key);
}

int config_error(const struct config_place *place, const struct yaml_node *node,
                 struct error *error, const char *format, ...)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(ERROR_TEXT_BYTES);
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT((size_t)2 * ERROR_TEXT_BYTES);
    char message[ERROR_TEXT_BYTES];
    va_list args;

    print_place(&path, place);
    if (path.len)
        strbuf_add_str(&path, ": ");
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    redact_text(&shown, slice_str(message));
    return error_set(error, "%zu:%zu: %s%s", node ? node->line : 1, node ? node->column : 1,
                     strbuf_str(&path), strbuf_str(&shown));
}

struct config_shown config_show(const struct yaml_node *node)
{
    STRBUF_CLEANUP struct strbuf clean =
        STRBUF_INIT(SIZE_MAX); /* of a URL, before its end is cut */
    struct config_shown shown;
    struct slice text;
    size_t len;

    if (node->kind == YAML_SEQUENCE || node->kind == YAML_MAPPING) {
        (void)snprintf(shown.text, sizeof(shown.text), "%s",
                       node->kind == YAML_SEQUENCE ? "a list" : "a mapping");
        return shown;
    }
    redact_text(&clean, node->text);
    text = strbuf_slice(&clean);
    len = text.len;
    if (len > SHOWN_MAX) {
        len = SHOWN_MAX;
        while (len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
            len--; /* not inside a character */
    }
    (void)snprintf(shown.text, sizeof(shown.text), "\"%*s%s\"", (int)len, "",
                   len < text.len ? "..." : "");
    for (size_t i = 0; i < len; i++)
        shown.text[1 + i] = text.ptr[i] ? text.ptr[i] : '?';
    return shown;
}
