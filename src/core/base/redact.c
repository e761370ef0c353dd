/*
 * Words and their borders. Nothing is parsed as a URL: what libcurl or a service quotes may be half
 * of one, or one that was taken apart wrongly.
 */
#include "pullthrough/core/base/redact.h"

enum { TOKEN_LEAST = 16 }; /* a shorter word behind "Basic" is English */

#define CUT "***"

/* Behind all that is one of these bytes. */
static struct slice behind(struct slice text, const char *bytes)
{
    while (text.len && text.ptr[0] && strchr(bytes, text.ptr[0]))
        text = slice_from(text, 1);
    return text;
}

/* Who forgets the host, or encodes its "@" too, has no "@" there. */
bool redact_has_user(struct slice url)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    static const char host[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    struct slice rest = behind(url, letters);

    rest = slice_starts_with(rest, slice_str("://")) ? slice_from(rest, 3) : url;
    if (rest.len && rest.ptr[0] == '[') {
        rest = behind(slice_from(rest, 1), "0123456789abcdefABCDEF:.");
        if (rest.len == 0 || rest.ptr[0] != ']')
            return true;
        rest = slice_from(rest, 1);
    } else {
        rest = behind(rest, host);
    }
    if (rest.len && rest.ptr[0] == ':')
        rest = behind(slice_from(rest, 1), "0123456789");
    return rest.len > 0 && !slice_is(rest, "/");
}

static bool is_border(char c)
{
    return (unsigned char)c <= ' ' || strchr("\"'`()<>{}[],;", c);
}

static size_t find_slashes(struct slice text)
{
    const char *at = text.len ? memmem(text.ptr, text.len, "//", 2) : NULL;

    return at ? (size_t)(at - text.ptr) : text.len;
}

static bool is_scheme(struct slice word)
{
    return (word.len == 6 && strncasecmp(word.ptr, "Bearer", 6) == 0) ||
           (word.len == 5 && strncasecmp(word.ptr, "Basic", 5) == 0);
}

static void add_word(struct strbuf *out, struct slice word, bool after_scheme)
{
    size_t query = slice_find(word, '?');

    if (word.len >= TOKEN_LEAST && (after_scheme || slice_starts_with(word, slice_str("eyJ")))) {
        strbuf_add_str(out, CUT);
    } else if (query < word.len && find_slashes(word) < query) {
        strbuf_add(out, word.ptr, query + 1);
        strbuf_add_str(out, CUT);
    } else {
        strbuf_add_slice(out, word);
    }
}

static void add_words(struct strbuf *out, struct slice text)
{
    bool after_scheme = false;

    while (text.len > 0) {
        size_t end = 0;

        while (end < text.len && !is_border(text.ptr[end]))
            end++;
        add_word(out, slice_of(text.ptr, end), after_scheme);
        if (end > 0)
            after_scheme = is_scheme(slice_of(text.ptr, end));
        if (end < text.len)
            strbuf_add_char(out, text.ptr[end++]);
        text = slice_from(text, end);
    }
}

void redact_text(struct strbuf *out, struct slice text)
{
    size_t slashes = find_slashes(text), at = slice_find_last(text, '@');

    if (at < text.len && slashes < at) {
        add_words(out, slice_of(text.ptr, slashes));
        strbuf_add_str(out, "//" CUT);
        text = slice_from(text, at);
    }
    add_words(out, text);
}

/* The length of the longest known path that stands here; 0 where none does. */
static size_t find_known(struct slice text, const struct slice *known, size_t n)
{
    size_t longest = 0;

    for (size_t i = 0; i < n; i++)
        if (known[i].len > longest && slice_starts_with(text, known[i]))
            longest = known[i].len;
    return longest;
}

static void add_last_part(struct strbuf *out, struct slice path)
{
    size_t slash = slice_find_last(path, '/');

    strbuf_add_slice(out, slash < path.len ? slice_from(path, slash + 1) : path);
}

/* How long the ARN or path is that begins here; 0 where none does. */
static size_t measure(struct slice text)
{
    bool path = text.len > 1 && text.ptr[0] == '/' && text.ptr[1] != '/';
    size_t end = path ? 1 : sizeof("arn:");

    if (!path && (!slice_starts_with(text, slice_str("arn:")) || text.len < end ||
                  is_border(text.ptr[end - 1])))
        return 0;
    while (end < text.len && !(path && text.ptr[end] == ':') &&
           (text.ptr[end] == ',' || !is_border(text.ptr[end])))
        end++;
    return end > 1 ? end : 0;
}

void redact_details(struct strbuf *out, struct slice text, const struct slice *known,
                    size_t n_known)
{
    bool at_border = true;

    while (text.len > 0) {
        size_t len = at_border ? find_known(text, known, n_known) : 0;

        if (len > 0) {
            add_last_part(out, slice_of(text.ptr, len));
        } else if ((at_border || text.ptr[0] == 'a') && (len = measure(text)) > 0) {
            strbuf_add_str(out, CUT);
        } else {
            len = 1;
            strbuf_add_char(out, text.ptr[0]);
        }
        at_border = is_border(text.ptr[len - 1]) || text.ptr[len - 1] == '=';
        text = slice_from(text, len);
    }
}
