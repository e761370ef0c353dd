/*
 * To work on a body of 8 MiB takes five times as much for a moment. So only some of the large ones
 * are worked on at once (usually one); the others wait whole, in the order in which they came,
 * without a thread waiting for them. Small ones never wait.
 *
 * Nothing here is on the way of a usual review, so a lock does.
 */
#include "http_loop.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

void http_gate_init(struct http_gate *gate, unsigned at_once)
{
    alloc_must(pthread_mutex_init(&gate->lock, NULL) == 0);
    gate->free = at_once ? at_once : UINT32_MAX;
}

void http_gate_fini(struct http_gate *gate)
{
    (void)pthread_mutex_destroy(&gate->lock);
}

static struct http_connection *waiting_of(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(struct http_connection, turn_of, link);
}

static void lock(struct http_gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
}

static void unlock(struct http_gate *gate)
{
    (void)pthread_mutex_unlock(&gate->lock);
}

static void note_first(struct http_loop *loop)
{
    loop->first_ticket =
        h2o_linklist_is_empty(&loop->waiting) ? UINT64_MAX : waiting_of(loop->waiting.next)->ticket;
}

/* The loop whose first waits for longest, if one may go on; else NULL. */
static struct http_loop *next_loop(struct http_server *server)
{
    struct http_loop *found = NULL;

    for (unsigned i = 0; server->gate.free && i < server->n_loops; i++)
        if (server->loops[i].first_ticket != UINT64_MAX &&
            (!found || server->loops[i].first_ticket < found->first_ticket))
            found = &server->loops[i];
    return found;
}

bool http_gate_enter(struct http_connection *connection, h2o_req_t *req)
{
    struct http_loop *loop = http_loop_of(connection);
    struct http_gate *gate = &loop->server->gate;
    bool may;

    lock(gate);
    may = gate->free > 0 && gate->waiting == 0;
    if (may) {
        gate->free--;
    } else {
        gate->waiting++;
        connection->waiting = req;
        connection->ticket = gate->next_ticket++;
        h2o_linklist_insert(&loop->waiting, &connection->turn_of);
        note_first(loop);
    }
    unlock(gate);
    return may;
}

static void take_out(struct http_connection *connection)
{
    struct http_loop *loop = http_loop_of(connection);

    h2o_linklist_unlink(&connection->turn_of);
    connection->waiting = NULL;
    loop->server->gate.waiting--;
    note_first(loop);
}

void http_gate_leave(struct http_loop *loop)
{
    struct http_gate *gate = &loop->server->gate;
    struct http_loop *next;

    lock(gate);
    gate->free++;
    next = next_loop(loop->server);
    unlock(gate);
    if (next && next != loop)
        http_loop_wake(next);
}

h2o_req_t *http_gate_forget(struct http_connection *connection)
{
    struct http_loop *loop = http_loop_of(connection), *next;
    struct http_gate *gate = &loop->server->gate;
    h2o_req_t *req = connection->waiting;

    if (!req)
        return NULL;
    lock(gate);
    take_out(connection);
    next = next_loop(loop->server);
    unlock(gate);
    if (next && next != loop)
        http_loop_wake(next);
    return req;
}

struct http_connection *http_gate_next(struct http_loop *loop, h2o_req_t **reqp)
{
    struct http_gate *gate = &loop->server->gate;
    struct http_connection *connection = NULL;

    if (h2o_linklist_is_empty(&loop->waiting))
        return NULL;
    lock(gate);
    if (next_loop(loop->server) == loop) {
        connection = waiting_of(loop->waiting.next);
        *reqp = connection->waiting;
        take_out(connection);
        gate->free--;
    }
    unlock(gate);
    return connection;
}

struct http_connection *http_gate_last(struct http_loop *loop)
{
    return h2o_linklist_is_empty(&loop->waiting) ? NULL : waiting_of(loop->waiting.prev);
}
