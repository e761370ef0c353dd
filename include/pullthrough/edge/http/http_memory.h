/*
 * What a memory limit leaves for requests: arithmetic only.
 *
 *     limit = program + connections + small requests of every loop     always there
 *           + what nobody counts                                       32 MiB
 *           + one largest review in work                               5 times its body, and 1 MiB
 *           + bodies and answers under way                             the budget, and an eighth
 *
 * The figures were measured (tests/it/test_serve_memory.py prints them); a review's own bound is
 * core's (review.h).
 */
#ifndef PULLTHROUGH_EDGE_HTTP_HTTP_MEMORY_H
#define PULLTHROUGH_EDGE_HTTP_HTTP_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct http_memory_spec {
    uint64_t limit_bytes;   /* of the process; 0: none */
    uint64_t request_bytes; /* the budget that somebody configured; 0: what the limit leaves */
    unsigned threads, connections;
    size_t max_body_bytes;
};

struct http_memory {
    uint64_t request_bytes; /* the budget; at least max_body_bytes */
    uint64_t process_bytes; /* beyond it connections are closed; 0: no limit */
    uint64_t needed_bytes;  /* all together; over the limit only where the budget was configured */
    unsigned connections;   /* fewer than asked for where a third of the limit doesn't hold them */
    size_t max_body_bytes;  /* less than asked for where one such review would not fit */
    unsigned large_at_once; /* requests over HTTP_LARGE_BYTES that may be in work; at least 1 */
};

/* A request whose body is larger waits for its turn to be worked on. */
enum { HTTP_LARGE_BYTES = 256 * 1024 };

struct http_memory http_memory_plan(const struct http_memory_spec *spec);

#endif
