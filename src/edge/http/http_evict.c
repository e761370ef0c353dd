/*
 * A port that is full closes, for each new connection, the one that has been without a request for
 * longest. Which may go at once is the port's: any (probes and scrapers come again), or only those
 * that never sent a request, handshakes too. The API server's have, and it would lose a review; but
 * anybody can send one and then keep the port full. So where there are no others, one goes that has
 * been idle for seconds: of several connections the API server uses the last one again.
 *
 * Each loop has its own in the order of their age; how old the first is stands where the others
 * see it, so that a loop without any asks the one that has the oldest.
 */
#include "http_loop.h"

#include <sys/socket.h>

#include "pullthrough/edge/sys/log.h"

enum {
    ABOUT_AS_OLD_MS = 1000,
    CHANCE_MS = 200, /* nobody goes before there was time for a handshake and a request */
    USED_MS = 5000,  /* idle for so long: no request is on its way */
};

static struct http_connection *aged(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct http_connection, age, link);
}

static void note_oldest(struct http_acceptor *acceptor)
{
    uint64_t oldest_ms = UINT64_MAX;

    if (!h2o_linklist_is_empty(&acceptor->evictable))
        oldest_ms = aged(acceptor->evictable.next)->aged_ms;
    else if (!h2o_linklist_is_empty(&acceptor->used))
        oldest_ms = aged(acceptor->used.next)->aged_ms + USED_MS;
    atomic_store_explicit(&acceptor->oldest_ms, oldest_ms, memory_order_relaxed);
}

static void insert(struct http_connection *connection, h2o_linklist_t *list, uint64_t now_ms)
{
    if (h2o_linklist_is_linked(&connection->age))
        h2o_linklist_unlink(&connection->age);
    connection->aged_ms = now_ms;
    h2o_linklist_insert(list, &connection->age);
    note_oldest(connection->acceptor);
}

void http_evict_allow(struct http_connection *connection)
{
    insert(connection, &connection->acceptor->evictable, http_now_ms());
}

void http_evict_use(struct http_connection *connection)
{
    insert(connection, &connection->acceptor->used, http_loop_of(connection)->now_ms);
}

void http_evict_forbid(struct http_connection *connection)
{
    if (!h2o_linklist_is_linked(&connection->age))
        return;
    h2o_linklist_unlink(&connection->age);
    note_oldest(connection->acceptor);
}

/* Otherwise the kernel keeps it for minutes: the client is there, and takes nothing. */
void http_evict_abandon(const struct http_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1};

    (void)setsockopt(h2o_socket_get_fd(connection->socket), SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof(at_once));
}

void http_evict_close(struct http_connection *connection)
{
    http_evict_forbid(connection);
    if (connection->end_by) {
        http_refuse_end(connection);
    } else if (http_connection_is_reading(connection) && !connection->ended) {
        connection->ended = true;
        connection->on_read(connection->socket, h2o_socket_error_closed);
    } else { /* what is written isn't taken */
        (void)shutdown(h2o_socket_get_fd(connection->socket), SHUT_RDWR);
    }
}

static void close_now(struct http_connection *connection)
{
    static struct log_limit limit;
    const struct http_port *port = connection->acceptor->port;
    uint64_t suppressed;

    if (log_limit_pass(&limit, &suppressed))
        log_event(LOG_LEVEL_WARN, "connection limit reached, an idle one is closed",
                  LOG_NUMBER("port", port->number),
                  LOG_NUMBER("connections", atomic_load(&port->connections)),
                  LOG_NUMBER("suppressed", suppressed));
    http_connection_lost(connection, HTTP_LOSS_CONNECTION);
    http_evict_close(connection);
}

static bool may_go(uint64_t aged_ms, uint64_t now_ms)
{
    return aged_ms != UINT64_MAX && now_ms >= aged_ms + CHANCE_MS;
}

static struct http_connection *choose_used(const struct http_acceptor *acceptor)
{
    const h2o_linklist_t *list = &acceptor->used;

    for (h2o_linklist_t *at = list->next; at != list; at = at->next) {
        if (!may_go(aged(at)->aged_ms + USED_MS, acceptor->loop->now_ms))
            break;
        if (http_connection_is_reading(aged(at)) && aged(at)->socket->input->size == 0 &&
            http_connection_is_silent(aged(at)))
            return aged(at);
    }
    return NULL;
}

/* Rather one that is silent than one in the middle of a request. */
static struct http_connection *choose(const struct http_acceptor *acceptor)
{
    const h2o_linklist_t *list = &acceptor->evictable;
    struct http_connection *first = NULL;

    for (h2o_linklist_t *at = list->next; at != list; at = at->next) {
        if (!may_go(aged(at)->aged_ms, acceptor->loop->now_ms))
            break;
        if (!first)
            first = aged(at);
        if (aged(at)->socket->input->size == 0)
            return aged(at);
    }
    return first ? first : choose_used(acceptor);
}

bool http_evict_one(struct http_acceptor *acceptor)
{
    struct http_connection *connection = choose(acceptor);

    if (connection)
        close_now(connection);
    return connection != NULL;
}

void http_evict_for(struct http_acceptor *acceptor)
{
    struct http_loop *loop = acceptor->loop;
    uint64_t own_ms = atomic_load(&acceptor->oldest_ms), oldest_ms = UINT64_MAX;
    struct http_acceptor *oldest = NULL;

    for (unsigned i = 0; i < loop->server->n_loops; i++) {
        struct http_acceptor *other = &loop->server->loops[i].acceptors[acceptor->port->index];
        uint64_t other_ms = atomic_load(&other->oldest_ms);

        if (other != acceptor && other_ms < oldest_ms) {
            oldest = other;
            oldest_ms = other_ms;
        }
    }
    if (own_ms != UINT64_MAX && (!oldest || own_ms <= oldest_ms + ABOUT_AS_OLD_MS)) {
        (void)http_evict_one(acceptor);
    } else if (oldest && may_go(oldest_ms, loop->now_ms)) {
        atomic_fetch_add(&oldest->evictions, 1);
        http_loop_wake(oldest->loop);
    }
}

void http_evict_asked(struct http_loop *loop)
{
    for (size_t i = 0; i < loop->server->n_ports; i++) {
        struct http_acceptor *acceptor = &loop->acceptors[i];
        unsigned asked = atomic_load_explicit(&acceptor->evictions, memory_order_relaxed)
                             ? atomic_exchange(&acceptor->evictions, 0)
                             : 0;

        while (asked-- > 0 && http_evict_one(acceptor))
            continue;
    }
}
