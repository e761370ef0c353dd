/*
 * The last line. What nobody can count (a handshake's state, half a record that libh2o keeps,
 * answers that aren't taken, what malloc doesn't give back) shows in the size of the process. What
 * lies in sockets doesn't, but a cgroup counts it (version 2: "sock" in memory.stat), and a client
 * that reads nothing leaves some 250 KiB there: so each socket is asked. When both together come
 * near the limit, or sockets alone have an eighth of it, bodies are refused, and all connections go
 * that leave much untaken. Where there are none, malloc gives back what it can, and then some go:
 * those that never sent a request first, then those that take no answer, then those that have been
 * there for longest. In all of them together the API server's are few, and it connects again.
 */
#include "http_loop.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "pullthrough/edge/sys/log.h"

enum {
    PERIOD_MS = 10,
    RELIEF_MS = 50, /* between two reliefs: to see what one did */
    LEAST_RELIEF = 64,
    RELIEF_PART = 8, /* of a loop's connections */
    QUEUED_PART = 8, /* of all memory: for sockets */
    QUEUED_MS = 100, /* between two looks at sockets, */
    FILLING_MS = 10, /* and where there is much in them: */
    FILLING_BYTES = 2 * 1024 * 1024,
    UNTAKEN_MUCH_BYTES = 32 * 1024, /* who takes answers leaves less */
    GROWN_BYTES = 1024 * 1024,      /* measured again */
};

void http_pressure_init(struct http_pressure *pressure, uint64_t most_bytes)
{
    pressure->statm = most_bytes ? open("/proc/self/statm", O_RDONLY | O_CLOEXEC) : -1;
    pressure->most_bytes = most_bytes;
}

void http_pressure_fini(struct http_pressure *pressure)
{
    if (pressure->statm >= 0)
        (void)close(pressure->statm);
}

/* Pages that no file backs (proc(5): the second number less the third), in bytes; 0: unknown. */
static uint64_t size_of_process(const struct http_pressure *pressure)
{
    unsigned long long resident = 0, shared = 0;
    char text[128];
    ssize_t got = pread(pressure->statm, text, sizeof(text) - 1, 0);

    if (got <= 0)
        return 0;
    text[got] = '\0';
    if (sscanf(text, "%*u %llu %llu", &resident, &shared) != 2 || resident < shared)
        return 0;
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What the kernel holds for a socket; 0: unknown (before Linux 4.12). *untaken: of that, what the
 * client hasn't taken. */
static size_t queued_in(const struct http_connection *connection, size_t *untaken)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(h2o_socket_get_fd(connection->socket), SOL_SOCKET, SO_MEMINFO, info, &len) != 0)
        return *untaken = 0;
    *untaken = info[SK_MEMINFO_WMEM_QUEUED];
    return (size_t)info[SK_MEMINFO_RMEM_ALLOC] + info[SK_MEMINFO_WMEM_QUEUED];
}

static void look_at_sockets(struct http_loop *loop)
{
    size_t all = atomic_load_explicit(&loop->queued, memory_order_relaxed);

    if (loop->now_ms < loop->queued_ms + (all > FILLING_BYTES ? FILLING_MS : QUEUED_MS))
        return;
    all = 0;
    loop->queued_ms = loop->now_ms;
    for (h2o_linklist_t *at = loop->connections.next; at != &loop->connections; at = at->next) {
        struct http_connection *connection =
            H2O_STRUCT_FROM_MEMBER(struct http_connection, link, at);

        all += queued_in(connection, &connection->untaken);
    }
    atomic_store_explicit(&loop->queued, all, memory_order_relaxed);
}

static uint64_t queued_in_all(const struct http_server *server)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < server->n_loops; i++)
        size += atomic_load_explicit(&server->loops[i].queued, memory_order_relaxed);
    return size;
}

static bool is_over(const struct http_server *server)
{
    return size_of_process(&server->pressure) + queued_in_all(server) > server->pressure.most_bytes;
}

/* Whether it may go in this pass. */
static bool is_due(const struct http_connection *connection, int pass)
{
    if (pass == 0)
        return connection->untaken > UNTAKEN_MUCH_BYTES;
    if (connection->ended || !connection->acceptor->port->tls)
        return false;
    if (pass == 1)
        return connection->requests == 0;
    if (pass == 2)
        return h2o_socket_is_writing(connection->socket);
    return http_connection_is_reading(connection);
}

static unsigned close_some(struct http_loop *loop, unsigned most, int pass)
{
    h2o_linklist_t *next;
    unsigned closed = 0;

    for (h2o_linklist_t *at = loop->connections.next; at != &loop->connections && closed < most;
         at = next) {
        struct http_connection *connection =
            H2O_STRUCT_FROM_MEMBER(struct http_connection, link, at);

        next = at->next;
        if (!is_due(connection, pass))
            continue;
        http_connection_lost(connection, HTTP_LOSS_CONNECTION);
        if (connection->untaken) /* it may be found again until it is closed */
            http_evict_abandon(connection);
        connection->untaken = 0;
        http_evict_close(connection);
        closed++;
    }
    return closed;
}

static void relieve(struct http_loop *loop)
{
    unsigned most = 0;

    for (h2o_linklist_t *at = loop->connections.next; at != &loop->connections; at = at->next)
        most++;
    most = most / RELIEF_PART > LEAST_RELIEF ? most / RELIEF_PART : LEAST_RELIEF;
    if (close_some(loop, UINT_MAX, 0) > 0 || !is_over(loop->server))
        return;
    for (int pass = 1; pass < 4 && most > 0; pass++)
        most -= close_some(loop, most, pass);
}

static void relieve_all(struct http_loop *own)
{
    static struct log_limit limit;
    struct http_server *server = own->server;
    uint64_t suppressed;

    if (log_limit_pass(&limit, &suppressed))
        log_event(LOG_LEVEL_WARN, "memory is nearly used up, connections are closed",
                  LOG_NUMBER("bytes", size_of_process(&server->pressure)),
                  LOG_NUMBER("socketBytes", queued_in_all(server)),
                  LOG_NUMBER("most", server->pressure.most_bytes),
                  LOG_NUMBER("suppressed", suppressed));
    for (unsigned i = 0; i < server->n_loops; i++) {
        if (&server->loops[i] == own)
            continue;
        atomic_store(&server->loops[i].must_relieve, true);
        http_loop_wake(&server->loops[i]);
    }
    relieve(own);
}

/* Whether it is too much; also for http_pressure_grown(). */
static bool measure(struct http_server *server)
{
    bool high = is_over(server);

    atomic_store_explicit(&server->pressure.high, high, memory_order_relaxed);
    return high;
}

/* Bodies and handshakes come faster than turns end. */
bool http_pressure_grown(struct http_server *server, size_t bytes)
{
    struct http_pressure *pressure = &server->pressure;

    if (pressure->statm < 0)
        return false;
    if (atomic_fetch_add_explicit(&pressure->grown, bytes, memory_order_relaxed) + bytes >=
        GROWN_BYTES) {
        atomic_store_explicit(&pressure->grown, 0, memory_order_relaxed);
        (void)measure(server);
    }
    return atomic_load_explicit(&pressure->high, memory_order_relaxed);
}

static void look(struct http_loop *loop)
{
    struct http_pressure *pressure = &loop->server->pressure;
    bool filling = queued_in_all(loop->server) > pressure->most_bytes / QUEUED_PART;

    if (!measure(loop->server) && !filling)
        return;
    if (!filling)
        (void)malloc_trim(0);
    if (measure(loop->server) || filling)
        relieve_all(loop);
    atomic_store(&pressure->due_ms, loop->now_ms + (filling ? FILLING_MS : RELIEF_MS));
}

void http_pressure_look(struct http_loop *loop)
{
    struct http_pressure *pressure = &loop->server->pressure;
    uint64_t due_ms;

    if (pressure->statm < 0)
        return;
    if (atomic_load_explicit(&loop->must_relieve, memory_order_relaxed) &&
        atomic_exchange(&loop->must_relieve, false))
        relieve(loop);
    look_at_sockets(loop);
    due_ms = atomic_load_explicit(&pressure->due_ms, memory_order_relaxed);
    if (loop->now_ms >= due_ms &&
        atomic_compare_exchange_strong(&pressure->due_ms, &due_ms, loop->now_ms + PERIOD_MS))
        look(loop);
}
