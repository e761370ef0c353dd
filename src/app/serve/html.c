/*
 * It knows no tags but one, and nothing of pages.
 */
#include "html.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

/* A character's HTML: itself, or what stands for it. */
static struct slice piece_of(struct slice text, size_t at)
{
    size_t end = at + 1;

    switch (text.ptr[at]) {
    case '&': return slice_str("&amp;");
    case '<': return slice_str("&lt;");
    case '>': return slice_str("&gt;");
    case '"': return slice_str("&quot;");
    case '\'': return slice_str("&#39;");
    default: break;
    }
    if ((unsigned char)text.ptr[at] < 0x20 || text.ptr[at] == 0x7f)
        return slice_str(" ");
    while (end < text.len && ((unsigned char)text.ptr[end] & 0xc0) == 0x80)
        end++;
    return slice_of(text.ptr + at, end - at);
}

static size_t next_character(struct slice text, size_t at)
{
    at++;
    while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

void html_text(struct strbuf *out, struct slice text, size_t most)
{
    const size_t begin = out->len;
    size_t fits = begin; /* up to here there is room for the ellipsis */

    for (size_t at = 0; at < text.len; at = next_character(text, at)) {
        const struct slice piece = piece_of(text, at);

        if (out->len - begin + piece.len > most) {
            strbuf_truncate(out, fits);
            strbuf_add_str(out, ELLIPSIS);
            return;
        }
        strbuf_add_slice(out, piece);
        if (out->len - begin + strlen(ELLIPSIS) <= most)
            fits = out->len;
    }
}

void html_words(struct strbuf *out, const char *words)
{
    struct slice rest = slice_str(words);

    for (bool code = false; rest.len; code = !code) {
        const struct slice piece = slice_cut(&rest, '`');

        strbuf_add_str(out, code ? "<code>" : "");
        html_text(out, piece, SIZE_MAX);
        strbuf_add_str(out, code ? "</code>" : "");
    }
}

void html_number(struct strbuf *out, uint64_t number)
{
    if (number >= 1000) {
        html_number(out, number / 1000);
        strbuf_add_format(out, ",%03u", (unsigned)(number % 1000));
    } else {
        strbuf_add_u64(out, number);
    }
}

void html_count(struct strbuf *out, uint64_t number, const char *noun)
{
    html_number(out, number);
    strbuf_add_format(out, " %s%s", noun, number == 1 ? "" : "s");
}

void html_span(struct strbuf *out, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{24 * 60 * 60, "day"}, {60 * 60, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;

    while (i < 3 && seconds < 2 * units[i].seconds)
        i++;
    html_count(out, seconds < 0 ? 0 : (uint64_t)(seconds / units[i].seconds), units[i].name);
}
