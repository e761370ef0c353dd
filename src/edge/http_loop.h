/*
 * The inside of http_server, shared by its files and by nobody else: here libh2o's types show.
 *
 *   http_server.c       the server: configuration, threads, stopping
 *   http_port.c         sockets that listen
 *   http_connections.c  accepting, the limit, deadlines, closing
 *   http_answer.c       a request to its route, the answer back
 *
 * Everything of a loop belongs to its thread, except what is atomic and the waker.
 */
#ifndef PULLTHROUGH_SRC_EDGE_HTTP_LOOP_H
#define PULLTHROUGH_SRC_EDGE_HTTP_LOOP_H

#include "pullthrough/edge/http_server.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>

/* A listener of the configuration: what all loops share of it. Immutable once it listens,
 * but for the count. */
struct http_port {
    struct http_server *server;
    size_t index;
    struct http_route *routes; /* owned; the strings are borrowed */
    size_t n_routes;
    struct tls *tls; /* NULL: plain */
    unsigned max_connections;
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
    uint64_t starved_ms; /* not accepting until then: no file descriptor was free; 0: not so */
};

struct http_loop {
    struct http_server *server;
    unsigned index;
    pthread_t thread;
    h2o_evloop_t *events;
    h2o_context_t context;
    struct http_acceptor *acceptors; /* one a port */
    h2o_linklist_t connections;
    struct strbuf body; /* kept from answer to answer */
    uint64_t now_ms, swept_ms;
    uint64_t turns;           /* how often events were waited for */
    _Atomic uint64_t beat_ns; /* 0: the thread isn't running */
    pthread_mutex_t waking;   /* for the two below; taken only when somebody must be woken */
    bool wakeable;
    h2o_multithread_receiver_t waker;
};

struct http_server {
    struct http_server_config config; /* its listeners aren't used: see ports */
    h2o_globalconf_t h2o;
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

/* http_port.c */

/* Bind one socket for each of n_sockets loops to host and number (0: a free one) and listen. */
int http_port_bind(struct http_port *port, struct slice host, uint16_t number, unsigned n_sockets,
                   struct error *error);
/* Closes what no loop has taken. */
void http_port_fini(struct http_port *port);

/* http_connections.c, on the loop's thread */

void http_acceptor_start(struct http_acceptor *acceptor);
/* Accept again where there is room again. */
void http_acceptor_resume(struct http_acceptor *acceptor);
/* Take what has connected already, then listen no more. */
void http_acceptor_close(struct http_acceptor *acceptor);

/* The deadlines: end what is idle, or at one request, for too long. */
void http_connections_sweep(struct http_loop *loop);
/* End what is idle now; with `all` the others too. */
void http_connections_end(struct http_loop *loop, bool all);
/* A request has come whole; whether its connection may stay open after the answer. */
bool http_connections_note(h2o_req_t *req);

/* http_answer.c */

/* Make `host` answer with the port's routes. */
void http_answer_register(struct http_port *port, h2o_hostconf_t *host);

/* http_server.c */

/* Make a loop look around; any thread. */
void http_loop_wake(struct http_loop *loop);

#endif
