/*
 * Left to right, each part cut off the front and judged by itself: scheme, host, port, the rest
 * as it is. Nothing is decoded or normalised; whoever wrote an address in a second form is
 * refused.
 */
#include "pullthrough/core/base/url.h"

#include <arpa/inet.h>

enum { HOST_MAX = 253 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' ||
           c == '.' || c == '_';
}

bool url_address(int family, struct slice text, unsigned char bytes[static 16])
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, bytes) == 1;
}

/* Names whose last label is a number are IPv4 addresses to most programs, in forms that differ
 * ("127.1"): only the one form is taken. */
static int judge_name(struct url *url, struct error *error)
{
    unsigned char bytes[16];
    struct slice last = slice_from(url->host, 0);
    size_t dot = slice_find_last(url->host, '.');

    if (url->host.len == 0 || url->host.len > HOST_MAX)
        return error_set(error, "the URL's host has 0 or more than %d bytes", HOST_MAX);
    for (size_t i = 0; i < url->host.len; i++)
        if (!is_host_char(url->host.ptr[i]))
            return error_set(error, "the URL's host has a byte that is not of a host name");
    if (dot < url->host.len)
        last = slice_from(url->host, dot + 1);
    if (last.len > 0 && !is_digit(last.ptr[0]))
        return 0;
    if (!url_address(AF_INET, url->host, bytes))
        return error_set(error, "the URL's host is neither a name nor an address");
    url->kind = URL_HOST_IPV4;
    return 0;
}

static int take_bracketed(struct url *url, struct slice *rest, struct error *error)
{
    unsigned char bytes[16];
    size_t end = slice_find(*rest, ']');

    if (end == rest->len)
        return error_set(error, "the URL's host has no closing bracket");
    url->host = slice_of(rest->ptr + 1, end - 1);
    url->kind = URL_HOST_IPV6;
    *rest = slice_from(*rest, end + 1);
    if (!url_address(AF_INET6, url->host, bytes))
        return error_set(error, "the URL's host is not an IPv6 address");
    return 0;
}

static int take_port(struct url *url, struct slice text, struct error *error)
{
    unsigned port = 0;

    url->port = url->https ? 443 : 80;
    if (text.len == 0)
        return 0;
    if (text.ptr[0] != ':' || text.len < 2 || text.len > 6)
        return error_set(error, "the URL's port is malformed");
    for (size_t i = 1; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return error_set(error, "the URL's port is malformed");
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (port < 1 || port > 65535)
        return error_set(error, "the URL's port is not in 1..65535");
    url->port = (uint16_t)port;
    return 0;
}

static int check_path(struct slice path, struct error *error)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= 0x20 || path.ptr[i] >= 0x7f || strchr("\"#<>\\^`{|}", path.ptr[i]))
            return error_set(error, "the URL's path has a byte that must be escaped");
    return 0;
}

int url_parse(struct url *url, struct slice text, struct error *error)
{
    struct slice rest = text, authority;
    size_t end = 0;

    *url = (struct url){.https = slice_starts_with(text, slice_str("https://"))};
    if (text.len > URL_MAX)
        return error_set(error, "the URL has over %d bytes", URL_MAX);
    if (!url->https && !slice_starts_with(text, slice_str("http://")))
        return error_set(error, "the URL begins neither with https:// nor with http://");
    if (slice_find(text, '@') < text.len) /* "http://us/er:pass@host" would have the host "us" */
        return error_set(error, "the URL has an @: user names and passwords are not taken");
    rest = slice_from(rest, url->https ? 8 : 7);
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    authority = slice_of(rest.ptr, end);
    url->path = slice_from(rest, end);
    if (authority.len > 0 && authority.ptr[0] == '[') {
        if (take_bracketed(url, &authority, error) < 0)
            return -1;
    } else {
        url->host = slice_of(authority.ptr, slice_find(authority, ':'));
        authority = slice_from(authority, url->host.len);
        if (judge_name(url, error) < 0)
            return -1;
    }
    if (take_port(url, authority, error) < 0)
        return -1;
    if (url->path.len > 0 && url->path.ptr[0] != '/')
        return error_set(error, "the URL has a query without a path");
    return check_path(url->path, error);
}

void url_print_host(const struct url *url, struct strbuf *out)
{
    bool bracketed = url->kind == URL_HOST_IPV6;

    strbuf_add_str(out, bracketed ? "[" : "");
    strbuf_add_slice(out, url->host);
    strbuf_add_str(out, bracketed ? "]" : "");
    if (url->port != (url->https ? 443 : 80)) {
        strbuf_add_char(out, ':');
        strbuf_add_u64(out, url->port);
    }
}

void url_print(const struct url *url, struct strbuf *out)
{
    strbuf_add_str(out, url->https ? "https://" : "http://");
    url_print_host(url, out);
    strbuf_add_slice(out, url->path.len > 0 ? url->path : slice_str("/"));
}

bool url_is_address(const struct url *url, const char *address)
{
    unsigned char ours[16] = {0}, theirs[16] = {0};
    int family = url->kind == URL_HOST_IPV6 ? AF_INET6 : AF_INET;

    return url->kind != URL_HOST_NAME && url_address(family, url->host, ours) &&
           url_address(family, slice_str(address), theirs) &&
           memcmp(ours, theirs, sizeof(ours)) == 0;
}

bool url_is_loopback(const struct url *url)
{
    return slice_is(url->host, "localhost") || url_is_address(url, "::1") ||
           (url->kind == URL_HOST_IPV4 && slice_starts_with(url->host, slice_str("127.")));
}

void url_add_escaped(struct strbuf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~')
            strbuf_add_char(out, (char)c);
        else
            strbuf_add_format(out, "%%%02X", c);
    }
}
