/*
 * A running server with some routes, and a client's end of a connection to it. What should
 * happen and doesn't fails the test.
 *
 *   POST, GET /echo   method, path and body
 *   POST /wait        answers once the test opens the gate; until then its loop hangs
 *   POST /sized       a hundred bytes for each byte of the body
 *   POST /length      the length of the body
 *   GET /refuse       503
 *   GET /other        on the second port, which takes no body, and ten connections
 */
#ifndef PULLTHROUGH_TESTS_HTTP_WORLD_H
#define PULLTHROUGH_TESTS_HTTP_WORLD_H

#include "pullthrough/edge/http/http_server.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WAIT_MS = 20000, ANSWER_BYTES = 4096, MOST_BODY_BYTES = 1000 };

struct world {
    struct http_server *server;
    unsigned asked;
    unsigned loops_seen; /* a bit a loop */
    unsigned lost[HTTP_LOSS_COUNT];
    bool signals_blocked;
    pthread_mutex_t gate; /* held by the test: the route waits, and so does its loop */
};

struct plan {
    unsigned threads, max_connections, large_at_once;
    uint64_t idle_ms, request_ms;
    uint64_t request_memory_bytes, max_body_bytes;
    const char *host;
};

struct world *world_new(const struct plan *plan);
void world_free(struct world *world);

unsigned times_asked(struct world *world);
unsigned loops_seen(struct world *world);

/* Wait for a condition; it must come. */
void wait_until(bool (*reached)(struct world *world, unsigned number), struct world *world,
                unsigned number);
bool has_lost_requests(struct world *world, unsigned number);
bool has_lost_connections(struct world *world, unsigned number);
bool has_been_asked(struct world *world, unsigned times);

int dial(uint16_t port);
void say(int fd, const char *text);
/* Read one answer (headers and the length they name), and what came with it; false at the end
 * of the connection. */
bool hear(int fd, char *answer, size_t size);
/* One small answer and nothing of the next. */
bool hear_one(int fd, char answer[ANSWER_BYTES]);
/* Wait for the end; whether nothing came before it. */
bool is_over(int fd);
/* A request on a connection of its own, and its answer. */
const char *ask(uint16_t port, const char *request, char answer[ANSWER_BYTES]);
/* Write a POST with so many bytes of body into request. */
const char *sized(const char *path, unsigned bytes, char *request, size_t size);

#endif
