/*
 * libh2o 2.2.5 collects a whole body before anybody is asked, in a buffer that it doubles and
 * copies, and has no limit for all of them together. So its callbacks of a socket are called
 * through ours, which look afterwards at what the socket holds: struct h2o_socket_t is public, and
 * h2o_socket_read_start() and the like do nothing but set these callbacks.
 *
 * A large buffer is made larger here, before libh2o does it, by realloc(): above malloc's threshold
 * for mappings (src/main.c) the kernel moves pages then, and no second copy exists even for a
 * moment. A buffer that keeps a few bytes of the next request behind a large one is exchanged.
 *
 * A handshake's and a record's ciphertext lies where nobody but libh2o sees it; what a socket's
 * receive buffer holds bounds it (http_port.c).
 */
#include "http_loop.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    GROWN_BYTES = 64 * 1024,   /* from here on we make buffers larger: */
    LEAST_BYTES = 1088 * 1024, /* mappings of their own, which are gone when they are freed */
    ROOM_BYTES = 192 * 1024,   /* more than one read brings: http_port.c */
    STEP_BYTES = 512 * 1024,
    WASTE_BYTES = 64 * 1024,
    HANDSHAKE_BYTES = 43 * 1024,
    MOST_LENGTH = 1000 * 1000 * 1000,
};

/* From the start of the buffer to the last byte that was written: what is in memory of it. */
static size_t extent(const h2o_buffer_t *input)
{
    if (!input->bytes || input->capacity <= HTTP_BUFFER_BYTES)
        return 0;
    return (size_t)(input->bytes - input->_buf) + input->size;
}

static void grow(h2o_socket_t *socket)
{
    h2o_buffer_t *input = socket->input;
    size_t offset = (size_t)(input->bytes - input->_buf);
    size_t capacity = input->capacity + STEP_BYTES;

    if (capacity < LEAST_BYTES)
        capacity = LEAST_BYTES;
    else if (input->capacity - offset - input->size >= ROOM_BYTES)
        return;
    input = alloc_made(realloc(input, offsetof(h2o_buffer_t, _buf) + capacity));
    input->bytes = input->_buf + offset;
    input->capacity = capacity;
    socket->input = input;
}

static void compact(h2o_socket_t *socket)
{
    h2o_buffer_t *old = socket->input;

    h2o_buffer_init(&socket->input, &h2o_socket_buffer_prototype);
    if (old->size) {
        h2o_iovec_t room = h2o_buffer_reserve(&socket->input, old->size);

        memcpy(room.base, old->bytes, old->size);
        socket->input->size = old->size;
    }
    h2o_buffer_dispose(&old);
}

/* Only while libh2o waits for more of a request: at other times it points into the buffer. */
static void shape(h2o_socket_t *socket)
{
    const h2o_buffer_t *input = socket->input;

    if ((size_t)(input->bytes - input->_buf) > WASTE_BYTES && input->size < WASTE_BYTES)
        compact(socket);
    else if (input->size >= GROWN_BYTES)
        grow(socket);
}

/* The length of the headers, if they are whole; else 0. */
static size_t head_length(const h2o_buffer_t *input)
{
    const char *end = input->size ? memmem(input->bytes, input->size, "\n\r\n", 3) : NULL;
    const char *bare = input->size ? memmem(input->bytes, input->size, "\n\n", 2) : NULL;

    if (!end || (bare && bare < end))
        end = bare;
    return end ? (size_t)(end - input->bytes) + 1 : 0;
}

static bool names(struct slice line, const char *header)
{
    size_t len = strlen(header);

    return line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, header, len) == 0;
}

/* The number behind the colon of a Content-Length; what is none is as if it were too large. */
static size_t length_of(struct slice line)
{
    size_t at = slice_find(line, ':') + 1, value = 0;

    for (; at < line.len; at++) {
        char c = line.ptr[at];

        if (c >= '0' && c <= '9' && value < MOST_LENGTH)
            value = value * 10 + (size_t)(c - '0');
        else if (c != ' ' && c != '\t' && c != '\r')
            return MOST_LENGTH;
    }
    return value;
}

/*
 * Whether a body is announced that hasn't come with its headers. This is looked at before libh2o
 * is, which would say "100 Continue"; what isn't recognised here is caught when libh2o waits for a
 * body, or has one.
 */
static bool announces_body(const h2o_buffer_t *input)
{
    size_t head = head_length(input), length = 0;
    struct slice rest = slice_of(input->bytes, head);

    while (rest.len) {
        size_t len = slice_find(rest, '\n');
        struct slice line = slice_of(rest.ptr, len);

        if (names(line, "transfer-encoding"))
            return true;
        if (names(line, "content-length"))
            length = length_of(line);
        rest = slice_from(rest, len < rest.len ? len + 1 : len);
    }
    return length > input->size - head;
}

/* Its handshake begins, which takes more than a connection's share until it ends. When there is no
 * room, an older one goes, and this one has its memory. */
static void greet(struct http_connection *connection)
{
    struct http_loop *loop = http_loop_of(connection);

    connection->greeted = true;
    if (!http_pressure_grown(loop->server, HANDSHAKE_BYTES))
        return;
    http_evict_forbid(connection); /* not itself */
    (void)http_evict_one(connection->acceptor);
    http_evict_allow(connection);
}

static void on_read(h2o_socket_t *socket, const char *failure)
{
    struct http_connection *connection = http_connection_of(socket);
    struct http_acceptor *acceptor = connection->acceptor;

    connection->heard_ms = acceptor->loop->now_ms;
    atomic_store_explicit(&acceptor->heard_ms, connection->heard_ms, memory_order_relaxed);
    if (acceptor->port->tls && !connection->greeted)
        greet(connection);
    if (acceptor->port->takes_no_body && !failure && http_connection_is_reading(connection) &&
        announces_body(socket->input)) {
        http_refuse(connection, 413);
        return;
    }
    connection->on_read(socket, failure);
    http_watch(socket);
}

static void on_write(h2o_socket_t *socket, const char *failure)
{
    struct http_connection *connection = http_connection_of(socket);

    connection->on_write(socket, failure);
    http_watch(socket);
}

static void account(struct http_connection *connection)
{
    h2o_socket_t *socket = connection->socket;
    size_t before = connection->held;
    struct http_connection *refused;

    if (!h2o_socket_is_writing(socket))
        connection->answer_bytes = 0;
    if (socket->_cb.read && extent(socket->input))
        shape(socket);
    http_connection_hold(connection, extent(socket->input) + connection->answer_bytes);
    if (connection->held <= before)
        return;
    refused = http_budget_grown(http_loop_of(connection), connection->held - before);
    if (refused)
        http_watch(refused->socket);
}

void http_watch(h2o_socket_t *socket)
{
    struct http_connection *connection = http_connection_of(socket);

    if (!connection || connection->end_by)
        return; /* closed, or refused */
    if (socket->_cb.read && socket->_cb.read != on_read) {
        connection->on_read = socket->_cb.read;
        socket->_cb.read = on_read;
    }
    if (socket->_cb.write && socket->_cb.write != on_write) {
        connection->on_write = socket->_cb.write;
        socket->_cb.write = on_write;
    }
    if (connection->acceptor->port->takes_no_body && http_connection_is_reading(connection) &&
        head_length(socket->input))
        http_refuse(connection, 413); /* libh2o waits for a body */
    else if (connection->held || socket->input->capacity > HTTP_BUFFER_BYTES ||
             connection->answer_bytes)
        account(connection);
}
