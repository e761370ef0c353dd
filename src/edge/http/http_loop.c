/*
 * What all the others stand on: a loop that can be woken, the clock, what may be asked and told of
 * any connection. Nothing is decided here, and nothing else of the server is called.
 */
#include "http_loop.h"

#include <errno.h>
#include <malloc.h>
#include <sys/socket.h>

#include "pullthrough/edge/sys/clock.h"

enum {
    MAPPED_BYTES = 64 * 1024, /* what is larger is a mapping of its own: http_watch.c */
    LOOSE_MOST_BYTES = 16 * 1024 * 1024,
};

void http_loop_wake(struct http_loop *loop)
{
    (void)pthread_mutex_lock(&loop->waking);
    if (loop->wakeable)
        h2o_multithread_send_message(&loop->waker, NULL);
    (void)pthread_mutex_unlock(&loop->waking);
}

void http_loop_set_wakeable(struct http_loop *loop, bool wakeable)
{
    (void)pthread_mutex_lock(&loop->waking);
    loop->wakeable = wakeable;
    (void)pthread_mutex_unlock(&loop->waking);
}

uint64_t http_now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

void http_connection_lost(const struct http_connection *connection, enum http_loss loss)
{
    const struct http_port *port = connection->acceptor->port;
    const struct http_server_config *config = &port->server->config;

    if (config->on_loss)
        config->on_loss(config->context, port->index, loss);
}

bool http_connection_is_silent(const struct http_connection *connection)
{
    char byte;

    return recv(h2o_socket_get_fd(connection->socket), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           errno == EAGAIN;
}

/* malloc keeps what lies between connections that live on, and large bodies can't use that. */
void http_give_back(struct http_server *server, size_t bytes)
{
    size_t before = atomic_fetch_add_explicit(&server->loose, bytes, memory_order_relaxed);

    if (before < LOOSE_MOST_BYTES && before + bytes >= LOOSE_MOST_BYTES) {
        atomic_store_explicit(&server->loose, 0, memory_order_relaxed);
        (void)malloc_trim(0);
    }
}

void http_connection_hold(struct http_connection *connection, size_t bytes)
{
    struct http_loop *loop = http_loop_of(connection);
    size_t before = connection->held;

    if (bytes == before)
        return;
    connection->held = bytes;
    if (!before)
        h2o_linklist_insert(&loop->heavy, &connection->heavy);
    else if (!bytes)
        h2o_linklist_unlink(&connection->heavy);
    atomic_fetch_add_explicit(&loop->server->held, bytes - before, memory_order_relaxed);
    if (bytes < before && before - bytes <= 2 * MAPPED_BYTES)
        http_give_back(loop->server, before - bytes);
}
