/*
 * One number for all loops: bytes held beyond what every connection may have. It is compared
 * between turns, and then the largest body that is still arriving goes, in whichever loop it is;
 * so a review of usual size is never the one, nor is a request that has come whole. When that
 * isn't fast enough, because a loop is at work, an eighth over the limit is the end: the loop that
 * notices refuses what it has.
 */
#include "http_loop.h"

#include <sys/socket.h>

#include "pullthrough/edge/http/http_memory.h"
#include "pullthrough/edge/sys/log.h"

enum {
    SLACK = 8, /* as in http_memory.c */
};

static struct http_connection *heavy_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct http_connection, heavy, link);
}

static bool is_over(const struct http_server *server, size_t held)
{
    uint64_t most = server->config.request_memory_bytes;

    return most != 0 && held > most;
}

static bool is_far_over(const struct http_server *server, size_t held)
{
    uint64_t most = server->config.request_memory_bytes;

    return most != 0 && held > most + most / SLACK;
}

/* The one that holds most, of those that are read, or of those that are written. */
static struct http_connection *heaviest(struct http_loop *loop, bool reading)
{
    struct http_connection *found = NULL;

    for (h2o_linklist_t *at = loop->heavy.next; at != &loop->heavy; at = at->next) {
        struct http_connection *connection = heavy_of(at);

        if (!connection->end_by && (!found || connection->held > found->held) &&
            (reading ? http_connection_is_reading(connection)
                     : h2o_socket_is_writing(connection->socket)))
            found = connection;
    }
    return found;
}

static void log_refusal(const struct http_connection *connection, const char *message)
{
    static struct log_limit limit;
    const struct http_server *server = http_loop_of(connection)->server;
    uint64_t suppressed;

    if (log_limit_pass(&limit, &suppressed))
        log_event(LOG_LEVEL_WARN, message, LOG_NUMBER("bytes", connection->held),
                  LOG_NUMBER("allBytes", atomic_load(&server->held)),
                  LOG_NUMBER("requestMemory", server->config.request_memory_bytes),
                  LOG_NUMBER("suppressed", suppressed));
}

static void refuse(struct http_connection *connection)
{
    log_refusal(connection, "request memory is used up, the largest body is refused");
    http_connection_lost(connection, HTTP_LOSS_REQUEST);
    http_refuse(connection, 503);
}

/* An answer that isn't taken: libh2o finds out and ends the connection by its own paths. */
static void cut(struct http_connection *connection)
{
    log_refusal(connection, "request memory is used up, an answer that isn't taken is given up");
    http_connection_lost(connection, HTTP_LOSS_REQUEST);
    http_evict_abandon(connection);
    (void)shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
    http_connection_hold(connection, 0); /* it is about to be freed, and must not be found again */
}

/* Returns one that was answered, or NULL. */
static struct http_connection *refuse_something(struct http_loop *loop)
{
    struct http_connection *connection = heaviest(loop, true);

    if (connection) {
        refuse(connection);
        return NULL;
    }
    connection = http_gate_last(loop);
    if (connection) {
        http_connection_lost(connection, HTTP_LOSS_REQUEST);
        http_answer_refused(connection);
        return connection;
    }
    connection = heaviest(loop, false);
    if (connection)
        cut(connection);
    return NULL;
}

struct http_connection *http_budget_grown(struct http_loop *loop, size_t bytes)
{
    size_t held = atomic_load_explicit(&loop->server->held, memory_order_relaxed);

    return is_far_over(loop->server, held) || http_pressure_grown(loop->server, bytes)
               ? refuse_something(loop)
               : NULL;
}

static struct http_loop *loop_of_heaviest(struct http_loop *own)
{
    struct http_server *server = own->server;
    struct http_loop *found = own;
    size_t most = atomic_load(&own->heaviest);

    for (unsigned i = 0; i < server->n_loops; i++) {
        size_t other = atomic_load(&server->loops[i].heaviest);

        if (other > most) {
            most = other;
            found = &server->loops[i];
        }
    }
    return found;
}

void http_budget_settle(struct http_loop *loop)
{
    struct http_server *server = loop->server;

    if (h2o_linklist_is_empty(&loop->heavy)) {
        if (atomic_load_explicit(&loop->heaviest, memory_order_relaxed) != 0)
            atomic_store(&loop->heaviest, 0);
        return;
    }
    for (;;) {
        struct http_connection *connection = heaviest(loop, true);
        struct http_loop *owner;

        atomic_store(&loop->heaviest, connection ? connection->held : 0);
        if (!is_over(server, atomic_load(&server->held)))
            return;
        owner = loop_of_heaviest(loop);
        if (owner != loop) {
            http_loop_wake(owner);
            return;
        }
        /* What is left is small: it may go on, up to the slack. */
        if (!connection || connection->held < HTTP_LARGE_BYTES)
            return;
        refuse(connection);
    }
}
