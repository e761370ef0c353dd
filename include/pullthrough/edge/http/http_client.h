/*
 * One blocking HTTP/1.1 request at a time, on libcurl, with connections kept and reused.
 *
 * The peer's certificate is always checked; TLS 1.2 or newer; no redirects, no cookies, no
 * compression, no netrc. Proxies by the usual variables (HTTPS_PROXY, NO_PROXY, ...) unless a
 * request goes past them. No signal handlers.
 */
#ifndef PULLTHROUGH_EDGE_HTTP_HTTP_CLIENT_H
#define PULLTHROUGH_EDGE_HTTP_HTTP_CLIENT_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;

struct http_client_config {
    const char *ca_file;            /* PEM, instead of the system's, read for each request by
                                       https; NULL or "": the system's */
    const char *user_agent;         /* or NULL */
    bool (*stopped)(void *context); /* asked about every second while waiting; or NULL */
    void *context;
};

/* Copies the configuration. -1 with the reason in error. One thread at a time may use it. */
int http_client_new(struct http_client **clientp, const struct http_client_config *config,
                    struct error *error);
void http_client_free(struct http_client *client);

struct http_client_header {
    const char *name;
    struct slice value; /* no line breaks: refused */
};

struct http_client_request {
    const char *method; /* "GET", "POST", "PUT", ... */
    const char *url;
    const struct http_client_header *headers;
    size_t n_headers;
    struct slice body;   /* sent unless the method is GET */
    uint64_t connect_ms; /* until the connection stands, TLS too */
    uint64_t total_ms;   /* 0: no limit */
    bool plain;          /* http:// is allowed */
    bool direct;         /* past any proxy */
    bool fresh;          /* on a connection of its own, which isn't kept */
    /* For a body that may have no end, or NULL: of an answer with status 200 it comes here in
     * pieces, on the calling thread, and isn't kept. The first piece is empty: the headers are
     * there. False: enough, and the request ends as if the answer were whole. */
    bool (*on_bytes)(void *context, struct slice bytes);
    void *context;
    unsigned idle_s; /* given up where nothing comes for so long; 0: no limit */
};

enum { HTTP_CLIENT_HEADERS_MAX = 32 * 1024 }; /* bytes of an answer's headers */

struct http_client_answer {
    int status;
    struct strbuf headers; /* lines "Name: value\r\n" of the last answer */
    struct strbuf body;    /* set up by the caller: its ceiling is the most that is taken */
};

/* Zero but for a body with this ceiling; a secret one is wiped wherever its bytes were. */
void http_client_answer_init(struct http_client_answer *answer, size_t max_bytes, bool secret);
void http_client_answer_fini(struct http_client_answer *answer);
#define HTTP_CLIENT_ANSWER_CLEANUP __attribute__((cleanup(http_client_answer_fini)))

/* Slices into the answer; empty where there is no such header. Names in any case. */
struct slice http_client_answer_header(const struct http_client_answer *answer, const char *name);

enum { HTTP_CLIENT_NO_ANSWER = 1, HTTP_CLIENT_UNTRUSTED = -2 };

/* Send, and replace what *answer holds. 0: there is an answer, of any status.
 * HTTP_CLIENT_NO_ANSWER: the connection failed, broke or took too long; asking again may help,
 * and the request may have been carried out. Negative: asking again won't help (an answer over the
 * ceiling, a malformed URL or header; HTTP_CLIENT_UNTRUSTED: a certificate that does not verify),
 * or it was stopped. The reason is in error, and names no user, password or query. What curl copied
 * of headers is wiped.
 */
int http_client_send(struct http_client *client, const struct http_client_request *request,
                     struct http_client_answer *answer, struct error *error);

/* Name and version of the library that this runs with: "libcurl 7.88.1". */
const char *http_client_library(void);

#endif
