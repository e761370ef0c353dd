/*
 * An HTTP/1.1 server on loopback that a test scripts: one thread, a function that answers each
 * request, and ways to fail that real servers have.
 */
#ifndef PULLTHROUGH_TESTS_FAKE_HTTP_H
#define PULLTHROUGH_TESTS_FAKE_HTTP_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

struct fake_http_request {
    struct slice method, target; /* as sent: "/x", or "http://host/x" to a proxy */
    struct slice headers;        /* all lines */
    struct slice body;
    unsigned number; /* from 0, over all connections */
};

/* The value of a header, in any case; empty where it isn't there. */
struct slice fake_http_header(const struct fake_http_request *request, const char *name);

enum fake_http_way {
    FAKE_HTTP_ANSWER,
    FAKE_HTTP_HANG,     /* say nothing, keep the connection */
    FAKE_HTTP_CLOSE,    /* say nothing, close it */
    FAKE_HTTP_TRUNCATE, /* promise 100 bytes more than there are, then close */
};

struct fake_http_answer {
    enum fake_http_way way;
    int status;          /* preset to 200 */
    const char *headers; /* more lines, each with its "\r\n"; preset to "" */
    struct slice body;   /* must live until the next request */
    /* Instead of `body`, without a length: called until it says false or the client is gone; what
     * it appends is a chunk. Then `way` counts: FAKE_HTTP_ANSWER ends the body, FAKE_HTTP_HANG
     * leaves it open, another one cuts it. */
    bool (*next)(void *context, struct strbuf *chunk);
    void *next_context;
};

/* Runs on the server's thread. */
typedef void (*fake_http_fn)(void *context, const struct fake_http_request *request,
                             struct fake_http_answer *answer);

struct fake_http;

/* `chain` and `key` are PEM texts for TLS, or NULL for none. Aborts where it can't. */
struct fake_http *fake_http_start(fake_http_fn fn, void *context, const char *chain,
                                  const char *key);
void fake_http_stop(struct fake_http *server);

/* On 127.0.0.1. */
uint16_t fake_http_port(const struct fake_http *server);
unsigned fake_http_requests(const struct fake_http *server);
unsigned fake_http_connections(const struct fake_http *server);

#endif
