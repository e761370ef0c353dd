/*
 * An HTTP/1.1 server on libh2o: N loop threads, each with its own listeners
 * (SO_REUSEPORT) and its own connections.
 *
 * Nothing of libh2o leaves its source file: a route is a function of our request and our
 * response, runs on a loop thread, and must not wait. Settings that differ from libh2o's
 * defaults, and why: http_server.c, top.
 */
#ifndef PULLTHROUGH_EDGE_HTTP_HTTP_SERVER_H
#define PULLTHROUGH_EDGE_HTTP_HTTP_SERVER_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/http/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request {
    struct slice method;
    struct slice path;  /* normalised, without the query */
    struct slice query; /* as it was sent, without its "?" */
    struct slice body;  /* whole; these four are valid until the route returns */
    unsigned loop;      /* which loop thread, from 0 */
};

struct http_header {
    const char *name, *value; /* the name in lower case */
};

struct http_response {
    int status;                        /* preset to 200 */
    const char *content_type;          /* static; preset to "text/plain; charset=utf-8" */
    const struct http_header *headers; /* others, static; the last one has no name. NULL: none */
    struct strbuf body;                /* empty, and the server's: to be filled only */
};

typedef void (*http_route_fn)(void *context, const struct http_request *request,
                              struct http_response *response);

/* Another path on the port is 404, another method on the path 405. */
struct http_route {
    const char *method, *path;
    http_route_fn handle;
    void *context;
};

struct http_listener {
    struct slice host; /* "0.0.0.0", "::", "127.0.0.1"; empty: every address, IPv4 too */
    uint16_t port;     /* 0: one that is free; see http_server_port() */
    struct tls *tls;   /* NULL: plain; borrowed */
    const struct http_route *routes; /* copied; the strings are borrowed */
    size_t n_routes;
    /* Over all loops. One more closes the connection that has been without a request for longest:
     * of those that never sent one, then of those that have been idle for seconds; or of all
     * (probes and scrapers, which come again). Where none may go, new ones wait in the backlog. */
    unsigned max_connections;
    bool closes_any;
    bool takes_no_body;  /* 413 to a request that announces one */
    uint64_t idle_ms;    /* keep-alive; 0: the server's */
    uint64_t request_ms; /* from a request's first byte to its last, and for taking the answer */
};

/* What was lost because something was full. */
enum http_loss {
    HTTP_LOSS_REQUEST,    /* 503: the memory of all requests together */
    HTTP_LOSS_CONNECTION, /* closed for a new one, or for its memory */
    HTTP_LOSS_COUNT
};

struct http_server_config {
    unsigned threads;
    size_t max_body_bytes;     /* above: 413 */
    size_t max_response_bytes; /* ceiling of http_response.body; above: 500 */
    uint64_t idle_ms;          /* keep-alive; must be over the API server's 90 s */
    uint64_t request_ms;       /* as in a listener */
    uint64_t handshake_ms;
    /* Of bodies and answers under way, but for the first 16 KiB of each: beyond it the largest
     * body that is still arriving is refused with 503. 0: no limit. See http_memory.h. */
    uint64_t request_memory_bytes;
    uint64_t memory_most_bytes; /* of the whole process; beyond it connections go. 0: no limit */
    unsigned large_at_once;     /* routes that may work on a body over HTTP_LARGE_BYTES; 0: all */
    void (*on_connections)(void *context,
                           int change); /* +1, -1: TLS listeners; any loop; may be NULL */
    void (*on_loss)(void *context, size_t listener, enum http_loss loss); /* as above */
    void *context;
    const struct http_listener *listeners;
    size_t n_listeners;
};

struct http_server;

/* Name and version of the library underneath: "libh2o 2.2.5". */
const char *http_server_library(void);

/* Bind and listen; no thread yet. -1 with the reason in error. */
int http_server_new(struct http_server **serverp, const struct http_server_config *config,
                    struct error *error);
/* The port that listener i got. */
uint16_t http_server_port(const struct http_server *server, size_t listener);

/* Start the loop threads and wait until they accept; signals are blocked in them.
 * -1 with the reason in error. */
int http_server_start(struct http_server *server, struct error *error);

/* Age in ms of the oldest sign of life of a loop, 0 if none runs. Each loop gives one at least
 * once a second. Any thread. */
uint64_t http_server_silence_ms(const struct http_server *server);

/* From now on every answer carries "Connection: close", and connections end that have been idle for
 * seconds, one by one, while nobody asks anything; listeners stay open. Any thread. */
void http_server_drain(struct http_server *server);

/* Close the listeners and idle connections, wait at most grace_ms for answers under way,
 * end the threads. Not from a loop thread. */
void http_server_stop(struct http_server *server, uint64_t grace_ms);

/* After http_server_stop(), or if it never started. */
void http_server_free(struct http_server *server);

#endif
