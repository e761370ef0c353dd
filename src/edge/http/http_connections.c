/*
 * Every connection is in its loop's list from accept() to close(), because libh2o 2.2.5 leaves
 * three things to us: a limit (without one, running out of file descriptors spins), deadlines
 * (its only timer runs on the wall clock, is the idle limit and the request's at once, and
 * doesn't watch a client that takes no answer), and closing what is idle when we stop.
 *
 * Nothing is closed here: shutdown() makes libh2o see the end and close by its own paths.
 */
#include "http_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/log.h"

enum {
    ACCEPTS_AT_ONCE = 16,
    STARVED_MS = 200,
    FRESH_MS = 1000,  /* a connection this young, without a request yet, is about to bring one */
    LINGER_MS = 1000, /* for a client to hear that its request is refused */
    SUNK_MS = 3000,   /* idle for about so long: it lies low in its client's stack */
    CALM_MS = 500,    /* nobody has sent anything for so long: no client is about to dig for it */
};

static void log_pause(struct log_limit *limit, const char *message, const struct http_port *port)
{
    uint64_t suppressed;

    if (log_limit_pass(limit, &suppressed))
        log_event(LOG_LEVEL_WARN, message, LOG_NUMBER("port", port->number),
                  LOG_NUMBER("connections", atomic_load(&port->connections)),
                  LOG_NUMBER("suppressed", suppressed));
}

/* Count one more, unless that is over the limit. */
static bool reserve(struct http_port *port)
{
    unsigned count = atomic_load(&port->connections);

    while (count < port->max_connections)
        if (atomic_compare_exchange_weak(&port->connections, &count, count + 1))
            return true;
    return false;
}

/* Count one less. Whoever leaves the limit wakes the loops that wait for that; a loop that has
 * just begun to wait looks at the count once more after it has said so, so none is missed. */
static void release(struct http_port *port, const struct http_loop *own)
{
    struct http_server *server = port->server;

    if (atomic_fetch_sub(&port->connections, 1) < port->max_connections)
        return;
    for (unsigned i = 0; i < server->n_loops; i++)
        if (&server->loops[i] != own && atomic_load(&server->loops[i].acceptors[port->index].full))
            http_loop_wake(&server->loops[i]);
}

static void on_close(void *data)
{
    struct http_connection *connection = data;
    struct http_acceptor *acceptor = connection->acceptor;
    struct http_server *server = acceptor->loop->server;

    connection->socket->on_close.data = NULL; /* libh2o frees the socket in the next turn */
    (void)http_gate_forget(connection);
    http_connection_hold(connection, 0);
    http_evict_forbid(connection);
    h2o_linklist_unlink(&connection->link);
    free(connection);
    http_give_back(server, HTTP_BUFFER_BYTES);
    acceptor->starved_ms = 0; /* a file descriptor is free again */
    release(acceptor->port, acceptor->loop);
    if (acceptor->port->tls && server->config.on_connections)
        server->config.on_connections(server->config.context, -1);
}

static void begin(struct http_acceptor *acceptor, h2o_socket_t *socket)
{
    struct http_connection *connection = alloc_zeroed(1, sizeof(*connection));
    struct http_server *server = acceptor->loop->server;

    connection->socket = socket;
    connection->acceptor = acceptor;
    connection->accepted_ms = connection->since_ms = connection->heard_ms = http_now_ms();
    h2o_linklist_insert(&acceptor->loop->connections, &connection->link);
    socket->on_close.cb = on_close;
    socket->on_close.data = connection;
    if (acceptor->port->tls && server->config.on_connections)
        server->config.on_connections(server->config.context, 1);
    http_evict_allow(connection);
    h2o_accept(&acceptor->accept, socket);
    http_watch(socket);
}

/* Stop reading the listening socket: level-triggered, it would wake us again and again. */
static void pause_full(struct http_acceptor *acceptor)
{
    static struct log_limit limit;
    struct http_port *port = acceptor->port;

    atomic_store(&acceptor->full, true);
    if (atomic_load(&port->connections) < port->max_connections) {
        atomic_store(&acceptor->full, false);
        return;
    }
    h2o_socket_read_stop(acceptor->socket);
    acceptor->asked_ms = acceptor->loop->now_ms;
    log_pause(&limit, "connection limit reached, accepting waits", port);
}

static void pause_starved(struct http_acceptor *acceptor)
{
    static struct log_limit limit;

    acceptor->starved_ms = http_now_ms() + STARVED_MS;
    h2o_socket_read_stop(acceptor->socket);
    log_pause(&limit, "no file descriptor or memory for a connection, accepting waits",
              acceptor->port);
}

/* Whether there may be more to accept. `waits`: somebody does for sure, so room may be made. */
static bool accept_one(struct http_acceptor *acceptor, bool waits)
{
    h2o_socket_t *socket;

    if (!reserve(acceptor->port)) {
        if (!waits)
            return false;
        http_evict_for(acceptor);
        if (!reserve(acceptor->port)) {
            pause_full(acceptor);
            return false;
        }
    }
    socket = h2o_evloop_socket_accept(acceptor->socket); /* sets TCP_NODELAY */
    if (socket) {
        begin(acceptor, socket);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_starved(acceptor);
        (void)http_evict_one(acceptor);
    }
    release(acceptor->port, acceptor->loop);
    return false;
}

static void on_accept(h2o_socket_t *socket, const char *failure)
{
    if (failure)
        return;
    for (int i = 0; i < ACCEPTS_AT_ONCE && accept_one(socket->data, i == 0); i++)
        continue;
}

void http_acceptor_start(struct http_acceptor *acceptor)
{
    struct http_loop *loop = acceptor->loop;
    struct http_port *port = acceptor->port;

    acceptor->accept = (h2o_accept_ctx_t){
        .ctx = &loop->context,
        .hosts = port->hosts,
        .ssl_ctx = port->tls ? tls_context(port->tls) : NULL,
    };
    acceptor->socket = h2o_evloop_socket_create(loop->events, port->sockets[loop->index],
                                                H2O_SOCKET_FLAG_DONT_READ);
    port->sockets[loop->index] = -1;
    acceptor->socket->data = acceptor;
    h2o_linklist_init_anchor(&acceptor->evictable);
    h2o_linklist_init_anchor(&acceptor->used);
    h2o_socket_read_start(acceptor->socket, on_accept);
}

void http_acceptor_resume(struct http_acceptor *acceptor)
{
    const struct http_port *port = acceptor->port;

    if (!acceptor->socket || h2o_socket_is_reading(acceptor->socket) ||
        acceptor->loop->now_ms < acceptor->starved_ms)
        return;
    /* Somebody waits, and another loop may have taken the room that was made. */
    if (atomic_load(&port->connections) >= port->max_connections &&
        acceptor->loop->now_ms - acceptor->asked_ms >= HTTP_ROOM_TICK_MS) {
        acceptor->asked_ms = acceptor->loop->now_ms;
        http_evict_for(acceptor);
    }
    if (atomic_load(&port->connections) >= port->max_connections)
        return;
    atomic_store(&acceptor->full, false);
    acceptor->starved_ms = 0;
    h2o_socket_read_start(acceptor->socket, on_accept);
}

void http_acceptor_close(struct http_acceptor *acceptor)
{
    while (accept_one(acceptor, false))
        continue;
    h2o_socket_close(acceptor->socket);
    acceptor->socket = NULL;
}

static struct http_connection *connection_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct http_connection, link, link);
}

/* A request stays in the input until its answer is written; after the last answer a goodbye
 * may still be unwritten. */
static bool is_busy(const struct http_connection *connection)
{
    return connection->socket->input->size != 0 || h2o_socket_is_writing(connection->socket);
}

/* First the reading side: libh2o then ends the connection in good order. A connection that
 * isn't being read, because its answer isn't taken, ends only with the writing side. */
static void end(struct http_connection *connection)
{
    (void)shutdown(h2o_socket_get_fd(connection->socket), connection->warned ? SHUT_RDWR : SHUT_RD);
    connection->warned = true;
}

static void refuse_waiting(struct http_connection *connection)
{
    http_answer_refused(connection);
    http_watch(connection->socket);
}

static void check_deadline(struct http_connection *connection, const struct http_loop *loop)
{
    const struct http_port *port = connection->acceptor->port;
    uint64_t quiet_ms =
        loop->now_ms > connection->since_ms ? loop->now_ms - connection->since_ms : 0;
    bool busy = is_busy(connection);

    if (connection->end_by) {
        if (quiet_ms >= LINGER_MS)
            http_refuse_end(connection);
    } else if (busy != connection->busy || connection->requests != connection->seen_requests) {
        connection->busy = busy;
        connection->seen_requests = connection->requests;
        connection->since_ms = loop->now_ms;
    } else if (quiet_ms >= (busy ? port->request_ms : port->idle_ms)) {
        if (connection->waiting)
            refuse_waiting(connection);
        else
            end(connection);
    }
}

void http_connections_sweep(struct http_loop *loop)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *at = loop->connections.next; at != &loop->connections; at = next) {
        next = at->next; /* this one may go, others don't */
        check_deadline(connection_of(at), loop);
    }
}

static bool is_fresh(const struct http_connection *connection, const struct http_loop *loop)
{
    return connection->requests == 0 && loop->now_ms < connection->accepted_ms + FRESH_MS;
}

void http_connections_end(struct http_loop *loop, bool all)
{
    h2o_linklist_t *next;

    for (h2o_linklist_t *at = loop->connections.next; at != &loop->connections; at = next) {
        struct http_connection *connection = connection_of(at);

        next = at->next;
        if (connection->end_by)
            http_refuse_end(connection);
        else if (all && connection->waiting)
            refuse_waiting(connection);
        else if (all ||
                 (!connection->warned && !is_fresh(connection, loop) && !is_busy(connection)))
            end(connection);
    }
}

static bool is_calm(const struct http_port *port, uint64_t now_ms)
{
    const struct http_server *server = port->server;

    for (unsigned i = 0; i < server->n_loops; i++)
        if (atomic_load_explicit(&server->loops[i].acceptors[port->index].heard_ms,
                                 memory_order_relaxed) +
                CALM_MS >
            now_ms)
            return false;
    return true;
}

/*
 * The API server would go on asking us over connections that it kept, whatever its Service says. It
 * doesn't repeat a POST that meets the end of a connection, so none may end in the moment in which
 * a request is sent over it. It takes the connection that it used last, and older ones only when it
 * has more to ask at once, or when answers that said "close" have cost it the younger. So who asks
 * is told "close" (http_answer.c), and an idle one ends only while nobody asks: one a turn, the
 * oldest first, after a look at its socket. What remains is a request that is on its way just then.
 */
void http_connections_thin(struct http_loop *loop)
{
    const h2o_linklist_t *anchor = &loop->connections;
    struct http_connection *oldest = NULL;

    for (h2o_linklist_t *at = anchor->next; at != anchor; at = at->next) {
        struct http_connection *connection = connection_of(at);

        if (!connection->ended && !connection->end_by && http_connection_is_reading(connection) &&
            connection->socket->input->size == 0 &&
            (!oldest || connection->heard_ms < oldest->heard_ms))
            oldest = connection;
    }
    if (oldest && loop->now_ms >= oldest->heard_ms + SUNK_MS &&
        is_calm(oldest->acceptor->port, loop->now_ms) && http_connection_is_silent(oldest))
        http_evict_close(oldest);
}

bool http_connections_serve(struct http_loop *loop)
{
    h2o_req_t *req;
    struct http_connection *connection = http_gate_next(loop, &req);

    if (!connection)
        return false;
    http_answer_waiting(connection, req);
    http_watch(connection->socket);
    http_gate_leave(loop);
    return !h2o_linklist_is_empty(&loop->waiting);
}
