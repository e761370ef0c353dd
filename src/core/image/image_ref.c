/*
 * The grammar of distribution/reference v0.6.0, by hand: its regular expressions are
 * regular enough to be read left to right without going back.
 *
 * Two steps, as there. First the Docker Hub rules split a domain off (normalize.go,
 * splitDockerDomain). Then domain "/" rest is matched as a whole (regexp.go): a first
 * part that is not a domain by the grammar ("a_b.c/d") is then simply part of the path,
 * and the reference has no domain. Comparisons are of bytes; nothing is folded.
 */
#include "pullthrough/core/image/image_ref.h"

#include <stdint.h>

enum {
    TAG_MAX_BYTES = 128,
    IDENTIFIER_BYTES = 64, /* "[a-f0-9]{64}": an image id, never a name */
};

static const char docker_hub[] = "docker.io";
static const char docker_hub_old[] = "index.docker.io";
static const char official_prefix[] = "library/";

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_path_letter(char c)
{
    return is_lower(c) || is_digit(c);
}

static bool is_word(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
}

static bool is_domain_letter(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool all(struct slice text, bool (*is)(char))
{
    for (size_t i = 0; i < text.len; i++)
        if (!is(text.ptr[i]))
            return false;
    return true;
}

static bool any(struct slice text, bool (*is)(char))
{
    for (size_t i = 0; i < text.len; i++)
        if (is(text.ptr[i]))
            return true;
    return false;
}

/* The part of the text before its first `stop`, or all of it. */
static struct slice before(struct slice text, char stop)
{
    return slice_of(text.ptr, slice_find(text, stop));
}

/* One separator at text[at]: ".", "_", "__" or any number of "-"; its length, 0 for none. */
static size_t separator_length(struct slice text, size_t at)
{
    size_t n = 0;

    switch (text.ptr[at]) {
    case '.': return 1;
    case '_': return at + 1 < text.len && text.ptr[at + 1] == '_' ? 2 : 1;
    case '-':
        while (at + n < text.len && text.ptr[at + n] == '-')
            n++;
        return n;
    default: return 0;
    }
}

static bool is_path_component(struct slice text)
{
    size_t at = 0;

    for (;;) {
        size_t start = at, separator;

        while (at < text.len && is_path_letter(text.ptr[at]))
            at++;
        if (at == start)
            return false;
        if (at == text.len)
            return true;
        separator = separator_length(text, at);
        if (separator == 0)
            return false;
        at += separator;
    }
}

static bool is_path(struct slice text)
{
    for (;;) {
        struct slice component = before(text, '/');

        if (!is_path_component(component))
            return false;
        if (component.len == text.len)
            return true;
        text = slice_from(text, component.len + 1);
    }
}

static bool is_domain_component(struct slice text)
{
    if (text.len == 0 || !is_domain_letter(text.ptr[0]) ||
        !is_domain_letter(text.ptr[text.len - 1]))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_domain_letter(text.ptr[i]) && text.ptr[i] != '-')
            return false;
    return true;
}

static bool is_domain_name(struct slice text)
{
    for (;;) {
        struct slice component = before(text, '.');

        if (!is_domain_component(component))
            return false;
        if (component.len == text.len)
            return true;
        text = slice_from(text, component.len + 1);
    }
}

static bool is_ipv6_letter(char c)
{
    return is_lower_hex(c) || (c >= 'A' && c <= 'F') || c == ':';
}

/* host and port: a name or "[...]", then maybe ":" and digits. */
static bool is_domain(struct slice text)
{
    struct slice host, rest;

    if (text.len && text.ptr[0] == '[') {
        size_t close = slice_find(text, ']');

        if (close == text.len || close == 1 ||
            !all(slice_of(text.ptr + 1, close - 1), is_ipv6_letter))
            return false;
        host = slice_of(text.ptr, close + 1);
    } else {
        host = before(text, ':');
        if (!is_domain_name(host))
            return false;
    }
    rest = slice_from(text, host.len);
    return rest.len == 0 ||
           (rest.ptr[0] == ':' && rest.len > 1 && all(slice_from(rest, 1), is_digit));
}

static bool is_tag(struct slice text)
{
    if (text.len == 0 || text.len > TAG_MAX_BYTES || !is_word(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!is_word(text.ptr[i]) && text.ptr[i] != '.' && text.ptr[i] != '-')
            return false;
    return true;
}

/* The three algorithms that go-digest knows, lower case, with their exact lengths. */
static bool is_digest(struct slice text)
{
    static const struct {
        const char *algorithm;
        size_t hex;
    } forms[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct slice start = slice_str(forms[i].algorithm);

        if (slice_starts_with(text, start))
            return text.len == start.len + forms[i].hex &&
                   all(slice_from(text, start.len), is_lower_hex);
    }
    return false;
}

/* splitDockerDomain: what stands before the first "/" is a domain only if it looks like one. */
static struct slice split_docker_domain(struct slice text, struct slice *rest)
{
    struct slice first = before(text, '/');

    *rest = text;
    if (first.len == text.len)
        return slice_str(docker_hub);
    if (slice_is(first, docker_hub_old)) {
        *rest = slice_from(text, first.len + 1);
        return slice_str(docker_hub);
    }
    if (slice_is(first, "localhost") || slice_find(first, '.') < first.len ||
        slice_find(first, ':') < first.len || any(first, is_upper)) {
        *rest = slice_from(text, first.len + 1);
        return first;
    }
    return slice_str(docker_hub);
}

static int invalid(const char **reason, const char *why)
{
    if (reason)
        *reason = why;
    return IMAGE_REF_INVALID;
}

/* Cut "@digest" and ":tag" off the end of *name. */
static int take_version(struct image_ref *ref, struct slice *name, const char **reason)
{
    size_t at = slice_find(*name, '@');
    size_t slash, colon;

    if (at < name->len) {
        ref->digest = slice_from(*name, at + 1);
        name->len = at;
        if (!is_digest(ref->digest))
            return invalid(reason, "the digest is not sha256, sha384 or sha512 in lower case");
    }
    slash = slice_find_last(*name, '/');
    colon = slice_find_last(*name, ':');
    if (colon < name->len && (slash == name->len || colon > slash)) {
        ref->tag = slice_from(*name, colon + 1);
        name->len = colon;
        if (!is_tag(ref->tag))
            return invalid(reason, "the tag is not 1 to 128 of letters, digits, '_', '.' and '-'");
    }
    return 0;
}

int image_ref_parse(struct image_ref *ref, struct slice text, const char **reason)
{
    struct slice rest;

    *ref = (struct image_ref){0};
    if (text.len == 0)
        return invalid(reason, "empty");
    if (text.len == IDENTIFIER_BYTES && all(text, is_lower_hex))
        return invalid(reason, "64 hexadecimal digits are an image id, not a name");
    ref->domain = split_docker_domain(text, &rest);
    ref->official = slice_is(ref->domain, docker_hub) && slice_find(rest, '/') == rest.len;
    if (any(before(rest, ':'), is_upper))
        return invalid(reason, "the repository name must be lower case");
    if (take_version(ref, &rest, reason))
        return IMAGE_REF_INVALID;
    ref->path = rest;
    if (!is_domain(ref->domain)) {
        /* Then all of it is the path, or nothing is: it was a prefix of the text. */
        ref->path = slice_of(ref->domain.ptr, (size_t)(rest.ptr + rest.len - ref->domain.ptr));
        ref->domain = slice_of(NULL, 0);
    }
    if (!is_path(ref->path))
        return invalid(reason, "not a repository name");
    if (image_ref_path_length(ref) > IMAGE_REF_PATH_MAX)
        return invalid(reason, "the repository name is over 255 bytes");
    return 0;
}

size_t image_ref_path_length(const struct image_ref *ref)
{
    return ref->path.len + (ref->official ? sizeof(official_prefix) - 1 : 0);
}

void image_ref_print_path(const struct image_ref *ref, struct strbuf *out)
{
    if (ref->official)
        strbuf_add_str(out, official_prefix);
    strbuf_add_slice(out, ref->path);
}

void image_ref_print_version(const struct image_ref *ref, struct strbuf *out)
{
    if (ref->tag.len) {
        strbuf_add_char(out, ':');
        strbuf_add_slice(out, ref->tag);
    }
    if (ref->digest.len) {
        strbuf_add_char(out, '@');
        strbuf_add_slice(out, ref->digest);
    }
}
