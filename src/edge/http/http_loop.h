/*
 * The inside of http_server, shared by its files and by nobody else: here libh2o's types show.
 *
 *   http_loop.c         what all others stand on: waking, the clock, what a connection holds
 *   http_port.c         sockets that listen
 *   http_refuse.c       an answer to a request that never came whole
 *   http_evict.c        who goes when a port is full
 *   http_pressure.c     what nobody can count: the size of the process
 *   http_gate.c         large requests one after the other
 *   http_answer.c       a request to its route, the answer back
 *   http_budget.c       the memory of all requests together, and who goes when it is used up
 *   http_watch.c        between libh2o and a socket: how much memory a connection holds
 *   http_connections.c  accepting, the limit, deadlines, closing
 *   http_server.c       the server: configuration, threads, stopping
 *
 * Each calls only those above it. Everything of a loop belongs to its thread, except what is
 * atomic and the waker.
 */
#ifndef PULLTHROUGH_SRC_EDGE_HTTP_LOOP_H
#define PULLTHROUGH_SRC_EDGE_HTTP_LOOP_H

#include "pullthrough/edge/http/http_server.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>

enum {
    HTTP_BUFFER_BYTES = 16 * 1024, /* the first of a request: a connection's share */
    HTTP_ROOM_TICK_MS = 50,        /* how often room is asked for while somebody waits for it */
    HTTP_KERNEL_BYTES = 64 * 1024, /* a socket's buffers, each way; one read brings little more */
};

/* A listener of the configuration: what all loops share of it. Immutable once it listens,
 * but for the count. */
struct http_port {
    struct http_server *server;
    size_t index;
    struct http_route *routes; /* owned; the strings are borrowed */
    size_t n_routes;
    struct tls *tls; /* NULL: plain */
    unsigned max_connections;
    bool closes_any, takes_no_body;
    uint64_t idle_ms, request_ms;
    uint16_t number;
    int *sockets; /* owned; one a loop, -1 once its loop has taken it */
    unsigned n_sockets;
    h2o_hostconf_t *hosts[2]; /* libh2o looks for hosts here only: no port serves another's */
    atomic_uint connections;
};

/* A port in one loop. */
struct http_acceptor {
    struct http_loop *loop;
    struct http_port *port;
    h2o_socket_t *socket; /* NULL once it is closed */
    h2o_accept_ctx_t accept;
    atomic_bool full;    /* not accepting until a connection, of any loop, ends */
    uint64_t asked_ms;   /* while it is full and somebody waits: when room was last asked for */
    uint64_t starved_ms; /* not accepting until then: no file descriptor was free; 0: not so */
    h2o_linklist_t evictable;   /* connections, the one without a request for longest first */
    h2o_linklist_t used;        /* the same for those that had one and may go when idle */
    _Atomic uint64_t oldest_ms; /* of its first; UINT64_MAX: there is none */
    atomic_uint evictions;      /* how many other loops ask for */
    _Atomic uint64_t heard_ms;  /* when a client last sent anything */
};

struct http_connection {
    h2o_linklist_t link;    /* loop->connections */
    h2o_linklist_t age;     /* acceptor->evictable, acceptor->used, or none */
    h2o_linklist_t heavy;   /* loop->heavy, or none: it holds more than a connection's share */
    h2o_linklist_t turn_of; /* loop->waiting, or none */
    h2o_socket_t *socket;
    struct http_acceptor *acceptor;
    h2o_socket_cb on_read, on_write; /* libh2o's, behind ours */
    h2o_socket_cb end_by;            /* refused: libh2o's, which ends it when told of an error */
    h2o_req_t *waiting;              /* whole, and waits for its turn; or NULL */
    uint64_t ticket;                 /* its place in the queue */
    size_t held, answer_bytes;       /* charged to the budget; of that, an answer's */
    size_t untaken;                  /* in its socket, at the last look of http_pressure.c */
    uint64_t accepted_ms, aged_ms;
    uint64_t heard_ms; /* when its client last sent anything, be it half a record */
    uint64_t since_ms; /* when `requests` and `busy` were first seen as they are */
    uint32_t requests, seen_requests;
    uint32_t requests_in_turn; /* of loop->turns == turn */
    uint64_t turn;
    bool busy;
    bool greeted; /* with TLS: its first bytes have come */
    bool warned;  /* its reading side has been shut down */
    bool ended;   /* libh2o was told to end it, and may still write a goodbye */
};

struct http_loop {
    struct http_server *server;
    unsigned index;
    pthread_t thread;
    h2o_evloop_t *events;
    h2o_context_t context;
    struct http_acceptor *acceptors; /* one a port */
    h2o_linklist_t connections, heavy, waiting;
    _Atomic size_t heaviest; /* the largest body that still arrives here, as of the last turn */
    uint64_t first_ticket;   /* of `waiting`, UINT64_MAX if there is none; under gate.lock */
    struct strbuf body;      /* kept from answer to answer */
    uint64_t now_ms, swept_ms;
    atomic_bool must_relieve; /* see http_pressure.c */
    _Atomic size_t queued;    /* in sockets */
    uint64_t queued_ms;       /* when that was looked at */
    bool hurried;             /* the next turn may not wait */
    uint64_t turns;           /* how often events were waited for */
    _Atomic uint64_t beat_ns; /* 0: the thread isn't running */
    pthread_mutex_t waking;   /* for the two below; taken only when somebody must be woken */
    bool wakeable;
    h2o_multithread_receiver_t waker;
};

/* How large the process may be. */
struct http_pressure {
    uint64_t most_bytes;
    int statm; /* /proc/self/statm, or -1: it may have any size */
    _Atomic uint64_t due_ms;
    _Atomic size_t grown; /* bytes since the size was last looked at */
    atomic_bool high;     /* as it was then */
};

/* Who may work on a large body. */
struct http_gate {
    pthread_mutex_t lock;
    unsigned free;
    uint64_t next_ticket;
    unsigned waiting;
};

struct http_server {
    struct http_server_config config; /* its listeners aren't used: see ports */
    h2o_globalconf_t h2o;
    _Atomic size_t held;  /* of config.request_memory_bytes */
    _Atomic size_t loose; /* of that, given back to malloc since it was told to give it back too */
    struct http_gate gate;
    struct http_pressure pressure;
    struct http_port *ports;
    size_t n_ports;
    struct http_loop *loops;
    unsigned n_loops;   /* config.threads */
    unsigned n_running; /* of start and stop only */
    sem_t set_up;       /* posted once by each loop */
    uint64_t tick_ms;   /* between two sweeps, and how long a loop may sleep */
    atomic_bool draining, stopping;
    uint64_t deadline_ms; /* for answers under way; written before stopping is set */
};

/* http_loop.c */

/* Make a loop look around; any thread. */
void http_loop_wake(struct http_loop *loop);
/* From now on that does something, or no longer. */
void http_loop_set_wakeable(struct http_loop *loop, bool wakeable);

/* Whether nothing has come that libh2o hasn't read. */
bool http_connection_is_silent(const struct http_connection *connection);

/* The clock now: loop->now_ms is as old as the turn, which may have waited for a second. */
uint64_t http_now_ms(void);

/* Something was lost for want of room: tell who wants to know. */
void http_connection_lost(const struct http_connection *connection, enum http_loss loss);

static inline struct http_connection *http_connection_of(const h2o_socket_t *socket)
{
    return socket->on_close.data; /* NULL once it is closed */
}

static inline struct http_loop *http_loop_of(const struct http_connection *connection)
{
    return connection->acceptor->loop;
}

/* Whether libh2o waits for what the client says: for a request, for the rest of one, or in a
 * handshake. Only then may anybody else write to it, or end it through its reader. */
static inline bool http_connection_is_reading(const struct http_connection *connection)
{
    return h2o_socket_is_reading(connection->socket) && !h2o_socket_is_writing(connection->socket);
}

/* The connection holds so many bytes now; for the budget. */
void http_connection_hold(struct http_connection *connection, size_t bytes);
/* So many bytes went back to malloc in small pieces. */
void http_give_back(struct http_server *server, size_t bytes);

/* http_port.c */

/* Bind one socket for each of n_sockets loops to host and number (0: a free one) and listen. */
int http_port_bind(struct http_port *port, struct slice host, uint16_t number, unsigned n_sockets,
                   struct error *error);
/* Closes what no loop has taken. */
void http_port_fini(struct http_port *port);

/* http_refuse.c, on the loop's thread */

/* Answer a request of which libh2o still reads, with a status and "Connection: close", and end the
 * connection once the client has had time to hear that. Its memory is free at once. */
void http_refuse(struct http_connection *connection, int status);
/* The time is over. */
void http_refuse_end(struct http_connection *connection);

/* http_evict.c, on the loop's thread */

/* From now on the connection may go when its port is full; the youngest of all. */
void http_evict_allow(struct http_connection *connection);
/* It has a request: it may go only after it has been idle for seconds, and after all others. */
void http_evict_use(struct http_connection *connection);
/* It may not, or is closed. */
void http_evict_forbid(struct http_connection *connection);
/* Make room at a full port: close one here, or have another loop do it. Where none may go, or not
 * yet, nothing happens. */
void http_evict_for(struct http_acceptor *acceptor);
/* Close one here; false as above. */
bool http_evict_one(struct http_acceptor *acceptor);
/* Close it, by libh2o's own paths, in whatever state it is. */
void http_evict_close(struct http_connection *connection);
/* When it is closed, what the client hasn't taken is thrown away. */
void http_evict_abandon(const struct http_connection *connection);
/* After each turn: what other loops asked for. */
void http_evict_asked(struct http_loop *loop);

/* http_pressure.c */

void http_pressure_init(struct http_pressure *pressure, uint64_t most_bytes);
void http_pressure_fini(struct http_pressure *pressure);
/* It has grown by so many bytes, or is about to; whether the process is too large for any more. */
bool http_pressure_grown(struct http_server *server, size_t bytes);
/* After each turn, on the loop's thread. */
void http_pressure_look(struct http_loop *loop);

/* http_gate.c, on the loop's thread */

void http_gate_init(struct http_gate *gate, unsigned at_once);
void http_gate_fini(struct http_gate *gate);
/* Whether a large request may be worked on now. If not, it is answered later, by
 * http_answer_waiting() or http_answer_refused(). */
bool http_gate_enter(struct http_connection *connection, h2o_req_t *req);
/* For each time that it could be entered. */
void http_gate_leave(struct http_loop *loop);
/* The first that waits here if its turn has come, with its request; else NULL. It waits no longer,
 * and has entered. */
struct http_connection *http_gate_next(struct http_loop *loop, h2o_req_t **reqp);
/* It waits no longer; its request, or NULL if it didn't wait. */
h2o_req_t *http_gate_forget(struct http_connection *connection);
/* The one that came last, which goes on waiting; NULL if none waits here. */
struct http_connection *http_gate_last(struct http_loop *loop);

/* http_answer.c */

/* Make `host` answer with the port's routes. */
void http_answer_register(struct http_port *port, h2o_hostconf_t *host);
/* A large request's turn has come. Like the next it leaves the socket to be watched by the caller:
 * http_watch() may have to answer, too. */
void http_answer_waiting(struct http_connection *connection, h2o_req_t *req);
/* Its turn will not come: 503. */
void http_answer_refused(struct http_connection *connection);

/* http_budget.c, on the loop's thread */

/* After a connection came to hold so many bytes more. May refuse it, or another one. Returns one
 * that was answered, or NULL: who calls must http_watch() it. */
struct http_connection *http_budget_grown(struct http_loop *loop, size_t bytes);
/* After each turn: when the budget is used up, the largest body that still arrives goes. */
void http_budget_settle(struct http_loop *loop);

/* http_watch.c, on the loop's thread */

/* After libh2o had the socket: see to it that the next time goes through us. */
void http_watch(h2o_socket_t *socket);

/* http_connections.c, on the loop's thread */

void http_acceptor_start(struct http_acceptor *acceptor);
/* Accept again where there is room again. */
void http_acceptor_resume(struct http_acceptor *acceptor);
/* Take what has connected already, then listen no more. */
void http_acceptor_close(struct http_acceptor *acceptor);

/* The deadlines: end what is idle, or at one request, for too long. */
void http_connections_sweep(struct http_loop *loop);
/* While draining, each turn: end the one that has been idle for longest, if that is safe now. */
void http_connections_thin(struct http_loop *loop);
/* End what is idle now; with `all` the others too. */
void http_connections_end(struct http_loop *loop, bool all);
/* After each turn: answer the large request that waits first, if its turn has come. Whether there
 * are more. */
bool http_connections_serve(struct http_loop *loop);

#endif
