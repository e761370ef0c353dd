/*
 * http and https URLs, taken apart strictly: what two parsers could read in two ways is
 * refused (user names, "127.1", "0x7f000001", backslashes, fragments, zone ids).
 *
 * Slices point into the text that was given.
 */
#ifndef PULLTHROUGH_CORE_BASE_URL_H
#define PULLTHROUGH_CORE_BASE_URL_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum { URL_MAX = 2048 };

enum url_host { URL_HOST_NAME, URL_HOST_IPV4, URL_HOST_IPV6 };

struct url {
    bool https;
    enum url_host kind;
    struct slice host; /* without brackets */
    uint16_t port;     /* 1..65535; the scheme's own where none is written */
    struct slice path; /* empty, or from its "/" on; with the query */
};

/* -1 with the reason in error; it doesn't repeat the text. */
int url_parse(struct url *url, struct slice text, struct error *error);

/* Append what a Host header says: brackets around IPv6, no port where it is the scheme's own. */
void url_print_host(const struct url *url, struct strbuf *out);

/* Append the whole URL; an empty path becomes "/". */
void url_print(const struct url *url, struct strbuf *out);

/* Append the text as a value of a query or of a form: all but RFC 3986's unreserved characters
 * becomes "%XX". */
void url_add_escaped(struct strbuf *out, struct slice text);

/* The address that a text is, as inet_pton() of that family takes it: 4 or 16 bytes. False for
 * another text. */
bool url_address(int family, struct slice text, unsigned char bytes[static 16]);

/* Whether the host is this machine by its own name or address: "localhost", 127.0.0.0/8, ::1. */
bool url_is_loopback(const struct url *url);

/* Whether the host is exactly this address, however it is written ("fd00:ec2::23"). */
bool url_is_address(const struct url *url, const char *address);

#endif
