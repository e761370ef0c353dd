/*
 * An answer in the middle of a request. libh2o has no way to it, so we write it ourselves and then
 * throw away what still comes, for a moment: to close at once would reset the connection, and the
 * client, who is still sending, would never see the answer (RFC 9112, section 9.6).
 */
#include "http_loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    DISCARD_BYTES = 16 * 1024,
    DISCARDS_AT_ONCE = 32,
};

void http_refuse_end(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;

    if (connection->ended) {
        (void)shutdown(h2o_socket_get_fd(socket), SHUT_RDWR);
        return;
    }
    connection->ended = true;
    connection->end_by(socket, h2o_socket_error_closed);
}

static void on_more(h2o_socket_t *socket, const char *failure)
{
    int fd = h2o_socket_get_fd(socket);
    char dropped[DISCARD_BYTES];
    ssize_t got = 1;

    for (int i = 0; !failure && got > 0 && i < DISCARDS_AT_ONCE; i++)
        got = recv(fd, dropped, sizeof(dropped), MSG_DONTWAIT);
    if (failure || got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        http_refuse_end(http_connection_of(socket));
}

static void on_written(h2o_socket_t *socket, const char *failure)
{
    if (failure) {
        http_refuse_end(http_connection_of(socket));
        return;
    }
    /* With TLS the goodbye comes at the end: without one the client couldn't trust the answer. */
    if (!socket->ssl)
        (void)shutdown(h2o_socket_get_fd(socket), SHUT_WR);
    h2o_socket_dont_read(socket, 1); /* be told, and read nothing */
    h2o_socket_read_start(socket, on_more);
}

static const h2o_iovec_t *answer_of(int status)
{
    static const h2o_iovec_t too_large = {H2O_STRLIT("HTTP/1.1 413 Payload Too Large\r\n"
                                                     "Connection: close\r\n"
                                                     "Content-Type: text/plain; charset=utf-8\r\n"
                                                     "Content-Length: 22\r\n"
                                                     "\r\n"
                                                     "the body is too large\n")};
    static const h2o_iovec_t unavailable = {H2O_STRLIT("HTTP/1.1 503 Service Unavailable\r\n"
                                                       "Connection: close\r\n"
                                                       "Content-Type: text/plain; charset=utf-8\r\n"
                                                       "Content-Length: 44\r\n"
                                                       "\r\n"
                                                       "requests under way take all of their "
                                                       "memory\n")};

    return status == 413 ? &too_large : &unavailable;
}

void http_refuse(struct http_connection *connection, int status)
{
    h2o_socket_t *socket = connection->socket;
    h2o_iovec_t answer = *answer_of(status);

    connection->end_by = connection->on_read;
    connection->since_ms = http_now_ms();
    h2o_buffer_consume(&socket->input, socket->input->size);
    http_connection_hold(connection, 0);
    h2o_socket_read_stop(socket);
    h2o_socket_write(socket, &answer, 1, on_written);
}
