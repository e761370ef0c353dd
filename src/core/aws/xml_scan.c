/*
 * One pass with a stack of open element names; no tree, no copies but of the text that
 * is asked for.
 */
#include "xml_scan.h"

#include "pullthrough/core/base/utf8.h"

#include <stdint.h>

enum { DEPTH_MAX = 16, NAME_MAX_BYTES = 100 };

struct scan {
    struct slice rest;
    struct slice open[DEPTH_MAX];
    size_t depth;
    const char *path;
    struct strbuf *text;
    bool at_path; /* the innermost open element is the one that is asked for */
    bool found;
    struct error *error;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

static void skip(struct scan *scan, size_t n)
{
    scan->rest = slice_from(scan->rest, n);
}

static struct slice take_name(struct scan *scan)
{
    struct slice name = slice_of(scan->rest.ptr, 0);

    while (name.len < scan->rest.len && name.len < NAME_MAX_BYTES &&
           is_name_char(name.ptr[name.len]))
        name.len++;
    skip(scan, name.len);
    return name;
}

/* Whether the open elements, joined by "/", are the path. */
static bool is_at_path(const struct scan *scan)
{
    struct slice path = slice_str(scan->path);

    for (size_t i = 0; i < scan->depth; i++) {
        size_t end = slice_find(path, '/');

        if (!slice_equal(scan->open[i], slice_of(path.ptr, end)))
            return false;
        if (end == path.len)
            return i == scan->depth - 1;
        path = slice_from(path, end + 1);
    }
    return false;
}

/* Behind a start tag's name: attributes, then ">" or "/>". */
static int skip_attributes(struct scan *scan, bool *empty)
{
    *empty = false;
    for (;;) {
        bool apart = false;
        size_t close;

        while (scan->rest.len > 0 && is_space(scan->rest.ptr[0])) {
            skip(scan, 1);
            apart = true;
        }
        if (slice_starts_with(scan->rest, slice_str(">"))) {
            skip(scan, 1);
            return 0;
        }
        if (slice_starts_with(scan->rest, slice_str("/>"))) {
            skip(scan, 2);
            *empty = true;
            return 0;
        }
        if (!apart || take_name(scan).len == 0 ||
            !(slice_starts_with(scan->rest, slice_str("=\"")) ||
              slice_starts_with(scan->rest, slice_str("='"))))
            return error_set(scan->error, "malformed XML: a broken tag");
        close = slice_find(slice_from(scan->rest, 2), scan->rest.ptr[1]);
        if (close + 2 >= scan->rest.len ||
            slice_find(slice_of(scan->rest.ptr, close + 2), '<') < close + 2)
            return error_set(scan->error, "malformed XML: a broken attribute");
        skip(scan, close + 3);
    }
}

static int close_element(struct scan *scan)
{
    scan->at_path = false;
    scan->depth--;
    return 0;
}

static int take_start(struct scan *scan)
{
    struct slice name;
    bool empty;

    skip(scan, 1);
    name = take_name(scan);
    if (name.len == 0)
        return error_set(scan->error, "malformed XML: a broken tag");
    if (scan->at_path)
        return error_set(scan->error, "malformed XML: an element where text should be");
    if (scan->depth == DEPTH_MAX)
        return error_set(scan->error, "malformed XML: over %d levels deep", DEPTH_MAX);
    if (skip_attributes(scan, &empty) < 0)
        return -1;
    scan->open[scan->depth++] = name;
    scan->at_path = is_at_path(scan);
    if (scan->at_path && scan->found)
        return error_set(scan->error, "malformed XML: an element twice");
    scan->found = scan->found || scan->at_path;
    return empty ? close_element(scan) : 0;
}

static int take_end(struct scan *scan)
{
    struct slice name;

    skip(scan, 2);
    name = take_name(scan);
    while (scan->rest.len > 0 && is_space(scan->rest.ptr[0]))
        skip(scan, 1);
    if (scan->depth == 0 || !slice_equal(name, scan->open[scan->depth - 1]) ||
        !slice_starts_with(scan->rest, slice_str(">")))
        return error_set(scan->error, "malformed XML: an end tag that does not match");
    skip(scan, 1);
    return close_element(scan);
}

/* "#38" or "#x26"; 0 for what is not a character of a text. */
static uint32_t to_character(struct slice digits)
{
    bool hex = slice_starts_with(digits, slice_str("#x"));
    uint32_t c = 0;

    digits = slice_from(digits, hex ? 2 : 1);
    if (digits.len == 0 || digits.len > 7)
        return 0;
    for (size_t i = 0; i < digits.len; i++) {
        char d = digits.ptr[i];

        if (d >= '0' && d <= '9')
            c = c * (hex ? 16 : 10) + (uint32_t)(d - '0');
        else if (hex && ((d >= 'a' && d <= 'f') || (d >= 'A' && d <= 'F')))
            c = c * 16 + (uint32_t)((d | 0x20) - 'a' + 10);
        else
            return 0;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c < 0x20 && !is_space((char)c)))
        return 0;
    return c;
}

static int take_entity(struct scan *scan)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    size_t end = slice_find(scan->rest, ';');
    struct slice name;
    uint32_t c = 0;
    char utf8[4];

    if (end == scan->rest.len || end > 10)
        return error_set(scan->error, "malformed XML: a broken entity");
    name = slice_of(scan->rest.ptr + 1, end - 1);
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (slice_is(name, named[i].name))
            c = (uint32_t)named[i].c;
    if (slice_starts_with(name, slice_str("#")))
        c = to_character(name);
    if (c == 0)
        return error_set(scan->error, "malformed XML: an unknown entity");
    if (scan->at_path)
        strbuf_add(scan->text, utf8, utf8_encode(utf8, c));
    skip(scan, end + 1);
    return 0;
}

static int take_text(struct scan *scan)
{
    char c = scan->rest.ptr[0];

    if (scan->depth == 0 && !is_space(c))
        return error_set(scan->error, "malformed XML: text outside of elements");
    if (c == '&')
        return take_entity(scan);
    if ((unsigned char)c < 0x20 && !is_space(c))
        return error_set(scan->error, "malformed XML: a control character");
    if (scan->at_path)
        strbuf_add_char(scan->text, c);
    skip(scan, 1);
    return 0;
}

static int skip_declaration(struct scan *scan)
{
    size_t end;

    if (!slice_starts_with(scan->rest, slice_str("<?xml ")))
        return 0;
    end = slice_find(scan->rest, '>');
    if (end == scan->rest.len || scan->rest.ptr[end - 1] != '?')
        return error_set(scan->error, "malformed XML: a broken declaration");
    skip(scan, end + 1);
    return 0;
}

int xml_scan_text(struct slice document, const char *path, struct strbuf *text, struct error *error)
{
    struct scan scan = {.rest = document, .path = path, .text = text, .error = error};
    size_t roots = 0;

    if (skip_declaration(&scan) < 0)
        return -1;
    while (scan.rest.len > 0) {
        int result;

        if (slice_starts_with(scan.rest, slice_str("</")))
            result = take_end(&scan);
        else if (scan.rest.ptr[0] != '<')
            result = take_text(&scan);
        else if (scan.depth == 0 && ++roots > 1)
            result = error_set(error, "malformed XML: more than one root");
        else
            result = take_start(&scan);
        if (result < 0)
            return -1;
    }
    if (scan.depth > 0 || roots == 0)
        return error_set(error, "malformed XML: it ends too soon");
    if (strbuf_overflowed(text))
        return error_set(error, "an XML text is too long");
    return scan.found ? 0 : XML_SCAN_ABSENT;
}
