/*
 * The server: N threads, each with an event loop, a libh2o context, a listening socket a port
 * and its own connections. Threads share the configuration, which is constant, and counters.
 *
 * What is set unlike libh2o's default, and why:
 *   http1.upgrade_to_http2 0    else "PRI * HTTP/2" turns a connection to HTTP/2, also inside
 *                               TLS and whatever ALPN said; 2.2.5 never got the fixes for
 *                               CVE-2023-44487 and CVE-2025-8671
 *   http1.req_timeout a year    it runs on the wall clock, and is the idle limit and the limit
 *                               of a request at once; http_connections.c has both, separately
 *   max_request_entity_size     1 GiB is not a limit. One more than ours: libh2o's includes the
 *                               limit itself for chunked bodies only; http_answer.c compares
 *   handshake_timeout           ours; from accept to the end of the handshake
 *   server_name empty           no "Server" header with a version
 *   http2...request_shutdown    NULL: it would link a timer that outlives the context
 *   buffers in files never      they begin at 32 MiB, in /tmp, which may be read-only
 *
 * Refuses: HTTP/2, redirects, files, compression, everything that isn't a route.
 */
#include "http_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <h2o/version.h>

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"

enum {
    NEVER_MS_DAYS = 365,
    TICK_MOST_MS = 1000, /* each loop shows that it lives at least this often */
    TICK_LEAST_MS = 20,
    THIN_TICK_MS = 10, /* between two idle connections that end while draining */
    FINISH_TICK_MS = 20,
    FINISH_MOST_MS = 2000, /* after the deadline, for connections to take note of their end */
};

static const uint64_t NEVER_MS = (uint64_t)NEVER_MS_DAYS * 24 * 3600 * 1000;

static void on_wake(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    (void)messages; /* none is ever sent: to be woken is the message */
}

static void look_at_clock(struct http_loop *loop)
{
    uint64_t now_ns = clock_monotonic_ns();

    loop->now_ms = now_ns / 1000000;
    atomic_store_explicit(&loop->beat_ns, now_ns, memory_order_relaxed);
}

/* What a turn left to do. Whether the next one may not wait. */
static bool settle(struct http_loop *loop)
{
    http_evict_asked(loop);
    http_budget_settle(loop);
    http_pressure_look(loop);
    return http_connections_serve(loop);
}

/* Wait for events and handle them, once. */
static void turn(struct http_loop *loop, uint64_t wait_ms)
{
    static struct log_limit limit;
    static const struct timespec pause = {.tv_nsec = 10000000};
    uint64_t suppressed;

    loop->turns++;
    if (h2o_evloop_run(loop->events, (int32_t)wait_ms) != 0 && errno != EINTR) {
        if (log_limit_pass(&limit, &suppressed))
            log_event(LOG_LEVEL_ERROR, "event loop failed", LOG_TEXT("problem", strerror(errno)),
                      LOG_NUMBER("loop", loop->index), LOG_NUMBER("suppressed", suppressed));
        (void)nanosleep(&pause, NULL);
    }
    look_at_clock(loop);
    loop->hurried = settle(loop);
}

/* How long the next turn may wait. */
static uint64_t wait_ms(const struct http_loop *loop, uint64_t most_ms)
{
    if (loop->hurried)
        return 0;
    for (size_t i = 0; i < loop->server->n_ports; i++)
        if (atomic_load_explicit(&loop->acceptors[i].full, memory_order_relaxed) &&
            most_ms > HTTP_ROOM_TICK_MS)
            return HTTP_ROOM_TICK_MS;
    return most_ms;
}

/* libh2o keeps buffers for each thread: what a loop uses must be made, used and freed by its
 * own thread. */
static void set_up(struct http_loop *loop)
{
    struct http_server *server = loop->server;

    /* One read for most reviews, and fewer copies, than with libh2o's 8 KiB. */
    h2o_socket_buffer_prototype._initial_buf.capacity = HTTP_BUFFER_BYTES;
    loop->events = h2o_evloop_create();
    h2o_context_init(&loop->context, loop->events, &server->h2o);
    h2o_multithread_register_receiver(loop->context.queue, &loop->waker, on_wake);
    look_at_clock(loop);
    strbuf_init(&loop->body, server->config.max_response_bytes);
    for (size_t i = 0; i < server->n_ports; i++)
        http_acceptor_start(&loop->acceptors[i]);
}

static void finish(struct http_loop *loop)
{
    struct http_server *server = loop->server;

    for (size_t i = 0; i < server->n_ports; i++)
        http_acceptor_close(&loop->acceptors[i]);
    look_at_clock(loop);
    while (!h2o_linklist_is_empty(&loop->connections) &&
           loop->now_ms < server->deadline_ms + FINISH_MOST_MS) {
        http_connections_end(loop, loop->now_ms >= server->deadline_ms);
        turn(loop, wait_ms(loop, FINISH_TICK_MS));
    }
}

static void tear_down(struct http_loop *loop)
{
    strbuf_fini(&loop->body);
    if (!h2o_linklist_is_empty(&loop->connections)) {
        log_event(LOG_LEVEL_ERROR, "connections could not be ended",
                  LOG_NUMBER("loop", loop->index));
        return; /* libh2o would abort */
    }
    h2o_multithread_unregister_receiver(loop->context.queue, &loop->waker);
    h2o_context_dispose(&loop->context);
    h2o_evloop_destroy(loop->events);
}

static void *run(void *argument)
{
    struct http_loop *loop = argument;
    struct http_server *server = loop->server;

    set_up(loop);
    http_loop_set_wakeable(loop, true);
    (void)sem_post(&server->set_up);
    while (!atomic_load_explicit(&server->stopping, memory_order_acquire)) {
        bool draining = atomic_load_explicit(&server->draining, memory_order_relaxed);

        turn(loop, wait_ms(loop, draining ? THIN_TICK_MS : server->tick_ms));
        if (draining)
            http_connections_thin(loop);
        for (size_t i = 0; i < server->n_ports; i++)
            http_acceptor_resume(&loop->acceptors[i]);
        if (loop->now_ms - loop->swept_ms < server->tick_ms)
            continue;
        loop->swept_ms = loop->now_ms;
        http_connections_sweep(loop);
    }
    finish(loop);
    http_loop_set_wakeable(loop, false);
    tear_down(loop);
    atomic_store_explicit(&loop->beat_ns, 0, memory_order_relaxed);
    return NULL;
}

static void configure(struct http_server *server)
{
    h2o_globalconf_t *h2o = &server->h2o;

    h2o_config_init(h2o);
    h2o->http1.upgrade_to_http2 = 0;
    h2o->http1.req_timeout = NEVER_MS;
    h2o->max_request_entity_size = server->config.max_body_bytes + 1;
    h2o->handshake_timeout = server->config.handshake_ms;
    h2o->server_name = h2o_iovec_init(NULL, 0);
    h2o->http2.callbacks.request_shutdown = NULL;
    h2o_socket_buffer_mmap_settings.threshold = SIZE_MAX;
}

static int add_port(struct http_server *server, const struct http_listener *listener,
                    struct error *error)
{
    struct http_port *port = &server->ports[server->n_ports];
    char name[32];

    *port = (struct http_port){
        .server = server,
        .index = server->n_ports++,
        .n_routes = listener->n_routes,
        .tls = listener->tls,
        .max_connections = listener->max_connections,
        .closes_any = listener->closes_any,
        .takes_no_body = listener->takes_no_body,
        .idle_ms = listener->idle_ms ? listener->idle_ms : server->config.idle_ms,
        .request_ms = listener->request_ms ? listener->request_ms : server->config.request_ms,
    };
    port->routes = alloc_zeroed(listener->n_routes, sizeof(*port->routes));
    h2o_memcpy(port->routes, listener->routes, listener->n_routes * sizeof(*port->routes));
    (void)snprintf(name, sizeof(name), "port-%zu", port->index);
    port->hosts[0] =
        h2o_config_register_host(&server->h2o, h2o_iovec_init(name, strlen(name)), 65535);
    http_answer_register(port, port->hosts[0]);
    return http_port_bind(port, listener->host, listener->port, server->config.threads, error);
}

static void make_loops(struct http_server *server)
{
    server->loops = alloc_zeroed(server->config.threads, sizeof(*server->loops));
    for (; server->n_loops < server->config.threads; server->n_loops++) {
        struct http_loop *loop = &server->loops[server->n_loops];

        loop->server = server;
        loop->index = server->n_loops;
        loop->first_ticket = UINT64_MAX;
        h2o_linklist_init_anchor(&loop->connections);
        h2o_linklist_init_anchor(&loop->heavy);
        h2o_linklist_init_anchor(&loop->waiting);
        loop->acceptors = alloc_zeroed(server->n_ports, sizeof(*loop->acceptors));
        for (size_t i = 0; i < server->n_ports; i++) {
            loop->acceptors[i].loop = loop;
            loop->acceptors[i].port = &server->ports[i];
            atomic_store(&loop->acceptors[i].oldest_ms, UINT64_MAX);
        }
        alloc_must(pthread_mutex_init(&loop->waking, NULL) == 0);
    }
}

/* A quarter of the shortest deadline. */
static uint64_t tick_of(const struct http_server *server)
{
    uint64_t tick = TICK_MOST_MS;

    for (size_t i = 0; i < server->n_ports; i++) {
        const struct http_port *port = &server->ports[i];
        uint64_t least = port->request_ms < port->idle_ms ? port->request_ms : port->idle_ms;

        if (least / 4 < tick)
            tick = least / 4;
    }
    return tick < TICK_LEAST_MS ? TICK_LEAST_MS : tick;
}

const char *http_server_library(void)
{
    return "libh2o " H2O_VERSION;
}

int http_server_new(struct http_server **serverp, const struct http_server_config *config,
                    struct error *error)
{
    struct http_server *server;

    if (config->threads == 0 || config->n_listeners == 0)
        return error_set(error, "a server needs a thread and a listener");
    server = alloc_zeroed(1, sizeof(*server));
    server->config = *config;
    server->config.listeners = NULL;
    alloc_must(sem_init(&server->set_up, 0, 0) == 0);
    configure(server);
    http_gate_init(&server->gate, config->large_at_once);
    http_pressure_init(&server->pressure, config->memory_most_bytes);
    server->ports = alloc_zeroed(config->n_listeners, sizeof(*server->ports));
    for (size_t i = 0; i < config->n_listeners; i++) {
        if (add_port(server, &config->listeners[i], error)) {
            http_server_free(server);
            return -1;
        }
    }
    server->tick_ms = tick_of(server);
    make_loops(server);
    *serverp = server;
    return 0;
}

uint16_t http_server_port(const struct http_server *server, size_t listener)
{
    return server->ports[listener].number;
}

/* Signals are the main thread's. Those that a fault raises in this thread can't be blocked
 * with any sense. SIGPIPE is blocked too, so a client that goes away is only an error. */
static int start_thread(struct http_loop *loop)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t blocked, before;
    char name[16];
    int failure;

    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(&blocked, faults[i]);
    atomic_store(&loop->beat_ns, clock_monotonic_ns());
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    failure = pthread_create(&loop->thread, NULL, run, loop);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure)
        return failure;
    (void)snprintf(name, sizeof(name), "http-%u", loop->index);
    (void)pthread_setname_np(loop->thread, name);
    return 0;
}

int http_server_start(struct http_server *server, struct error *error)
{
    for (; server->n_running < server->n_loops; server->n_running++) {
        int failure = start_thread(&server->loops[server->n_running]);

        if (failure) {
            http_server_stop(server, 0);
            return error_set(error, "cannot start a thread: %s", strerror(failure));
        }
    }
    for (unsigned i = 0; i < server->n_loops; i++)
        while (sem_wait(&server->set_up) != 0 && errno == EINTR)
            continue;
    return 0;
}

uint64_t http_server_silence_ms(const struct http_server *server)
{
    uint64_t now_ns = clock_monotonic_ns(), most_ns = 0;

    for (unsigned i = 0; i < server->n_loops; i++) {
        uint64_t beat_ns = atomic_load_explicit(&server->loops[i].beat_ns, memory_order_relaxed);

        if (beat_ns != 0 && now_ns > beat_ns && now_ns - beat_ns > most_ns)
            most_ns = now_ns - beat_ns;
    }
    return most_ns / 1000000;
}

void http_server_drain(struct http_server *server)
{
    atomic_store(&server->draining, true);
    for (unsigned i = 0; i < server->n_running; i++)
        http_loop_wake(&server->loops[i]);
}

void http_server_stop(struct http_server *server, uint64_t grace_ms)
{
    http_server_drain(server);
    server->deadline_ms = clock_monotonic_ns() / 1000000 + grace_ms;
    atomic_store_explicit(&server->stopping, true, memory_order_release);
    for (unsigned i = 0; i < server->n_running; i++)
        http_loop_wake(&server->loops[i]);
    for (; server->n_running > 0; server->n_running--)
        (void)pthread_join(server->loops[server->n_running - 1].thread, NULL);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    for (unsigned i = 0; i < server->n_loops; i++) {
        free(server->loops[i].acceptors);
        (void)pthread_mutex_destroy(&server->loops[i].waking);
    }
    for (size_t i = 0; i < server->n_ports; i++)
        http_port_fini(&server->ports[i]);
    h2o_config_dispose(&server->h2o);
    http_gate_fini(&server->gate);
    http_pressure_fini(&server->pressure);
    (void)sem_destroy(&server->set_up);
    free(server->loops);
    free(server->ports);
    free(server);
}
