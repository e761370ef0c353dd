/*
 * What all the others stand on: a loop that can be woken, the clock, what may be asked and told of
 * any connection. Nothing is decided here, and nothing else of the server is called.
 */
#include "http_loop.h"

#include <errno.h>
#include <sys/socket.h>

#include "pullthrough/edge/sys/clock.h"

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
