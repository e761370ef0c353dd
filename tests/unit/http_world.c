#include "http_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <cmocka.h>

static void echo(void *context, const struct http_request *request, struct http_response *response)
{
    struct world *world = context;
    sigset_t blocked;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGPIPE) &&
        !sigismember(&blocked, SIGSEGV))
        __atomic_store_n(&world->signals_blocked, true, __ATOMIC_RELAXED);
    __atomic_fetch_add(&world->asked, 1, __ATOMIC_RELAXED);
    __atomic_fetch_or(&world->loops_seen, 1U << request->loop, __ATOMIC_RELAXED);
    response->content_type = "application/json";
    strbuf_add_slice(&response->body, request->method);
    strbuf_add_char(&response->body, ' ');
    strbuf_add_slice(&response->body, request->path);
    strbuf_add_char(&response->body, ' ');
    strbuf_add_slice(&response->body, request->body);
}

static void wait_at_gate(void *context, const struct http_request *request,
                         struct http_response *response)
{
    struct world *world = context;

    (void)request;
    __atomic_fetch_add(&world->asked, 1, __ATOMIC_RELAXED);
    (void)pthread_mutex_lock(&world->gate);
    (void)pthread_mutex_unlock(&world->gate);
    strbuf_add_str(&response->body, "through");
}

static void answer_sized(void *context, const struct http_request *request,
                         struct http_response *response)
{
    (void)context;
    for (size_t i = 0; i < request->body.len * 100; i++)
        strbuf_add_char(&response->body, (char)('a' + i % 26));
}

static void tell_length(void *context, const struct http_request *request,
                        struct http_response *response)
{
    struct world *world = context;

    __atomic_fetch_add(&world->asked, 1, __ATOMIC_RELAXED);
    strbuf_add_format(&response->body, "%zu bytes", request->body.len);
}

static void refuse(void *context, const struct http_request *request,
                   struct http_response *response)
{
    (void)context;
    (void)request;
    response->status = 503;
    strbuf_add_str(&response->body, "later");
}

static void tell_query(void *context, const struct http_request *request,
                       struct http_response *response)
{
    static const struct http_header headers[] = {{"x-first", "1"}, {"x-second", "2"}, {0}};

    (void)context;
    response->headers = headers;
    strbuf_add_format(&response->body, "[%.*s]", SLICE_FMT(request->query));
}

static void note_loss(void *context, size_t listener, enum http_loss loss)
{
    struct world *world = context;

    (void)listener;
    __atomic_fetch_add(&world->lost[loss], 1, __ATOMIC_RELAXED);
}

struct world *world_new(const struct plan *plan)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct http_route routes[] = {
        {"POST", "/echo", echo, world},         {"GET", "/echo", echo, world},
        {"POST", "/wait", wait_at_gate, world}, {"POST", "/sized", answer_sized, world},
        {"GET", "/refuse", refuse, world},      {"POST", "/length", tell_length, world},
        {"GET", "/query", tell_query, world},
    };
    const struct http_route other[] = {{"GET", "/other", echo, world}};
    const struct http_listener listeners[] = {
        {.host = slice_str(plan->host),
         .routes = routes,
         .n_routes = sizeof(routes) / sizeof(routes[0]),
         .max_connections = plan->max_connections ? plan->max_connections : 100},
        {.host = slice_str("127.0.0.1"),
         .routes = other,
         .n_routes = 1,
         .max_connections = 10,
         .closes_any = true,
         .takes_no_body = true},
    };
    const struct http_server_config config = {
        .threads = plan->threads ? plan->threads : 1,
        .max_body_bytes = plan->max_body_bytes ? plan->max_body_bytes : MOST_BODY_BYTES,
        .request_memory_bytes = plan->request_memory_bytes,
        .large_at_once = plan->large_at_once,
        .max_response_bytes = 90000,
        .idle_ms = plan->idle_ms ? plan->idle_ms : 60000,
        .request_ms = plan->request_ms ? plan->request_ms : 60000,
        .handshake_ms = 5000,
        .on_loss = note_loss,
        .context = world,
        .listeners = listeners,
        .n_listeners = 2,
    };
    struct error error;

    assert_non_null(world);
    assert_int_equal(pthread_mutex_init(&world->gate, NULL), 0);
    if (http_server_new(&world->server, &config, &error))
        fail_msg("%s", error.text);
    assert_int_equal(http_server_start(world->server, &error), 0);
    return world;
}

void world_free(struct world *world)
{
    http_server_stop(world->server, 1000);
    http_server_free(world->server);
    (void)pthread_mutex_destroy(&world->gate);
    free(world);
}

int dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

bool hear(int fd, char *answer, size_t size)
{
    size_t len = 0, want = SIZE_MAX;

    while (len < want && len + 1 < size) {
        ssize_t got = recv(fd, answer + len, size - 1 - len, 0);
        const char *end, *length;

        if (got <= 0)
            return false;
        len += (size_t)got;
        answer[len] = '\0';
        end = strstr(answer, "\r\n\r\n");
        length = strcasestr(answer, "\r\ncontent-length: ");
        if (end && length)
            want = (size_t)(end - answer) + 4 + strtoul(length + 18, NULL, 10);
    }
    return true;
}

bool hear_one(int fd, char answer[ANSWER_BYTES])
{
    size_t len = 0, want = SIZE_MAX;

    while (len < want && len + 1 < ANSWER_BYTES) {
        if (recv(fd, answer + len, 1, 0) != 1)
            return false;
        answer[++len] = '\0';
        if (want == SIZE_MAX && strstr(answer, "\r\n\r\n"))
            want = len + strtoul(strcasestr(answer, "\r\ncontent-length: ") + 18, NULL, 10);
    }
    return true;
}

bool is_over(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);

    return got == 0 || (got < 0 && errno == ECONNRESET);
}

const char *ask(uint16_t port, const char *request, char answer[ANSWER_BYTES])
{
    int fd = dial(port);

    say(fd, request);
    assert_true(hear(fd, answer, ANSWER_BYTES));
    (void)close(fd);
    return answer;
}

void wait_until(bool (*reached)(struct world *world, unsigned number), struct world *world,
                unsigned number)
{
    for (int i = 0; i < WAIT_MS && !reached(world, number); i++)
        (void)poll(NULL, 0, 1);
    assert_true(reached(world, number));
}

unsigned times_asked(struct world *world)
{
    return __atomic_load_n(&world->asked, __ATOMIC_RELAXED);
}

bool has_lost_requests(struct world *world, unsigned number)
{
    return __atomic_load_n(&world->lost[HTTP_LOSS_REQUEST], __ATOMIC_RELAXED) >= number;
}

bool has_lost_connections(struct world *world, unsigned number)
{
    return __atomic_load_n(&world->lost[HTTP_LOSS_CONNECTION], __ATOMIC_RELAXED) >= number;
}

bool has_been_asked(struct world *world, unsigned times)
{
    return times_asked(world) >= times;
}

unsigned loops_seen(struct world *world)
{
    return __atomic_load_n(&world->loops_seen, __ATOMIC_RELAXED);
}

const char *sized(const char *path, unsigned bytes, char *request, size_t size)
{
    int head =
        snprintf(request, size, "POST %s HTTP/1.1\r\nContent-Length: %u\r\n\r\n", path, bytes);

    assert_true(head > 0 && (size_t)head + bytes < size);
    memset(request + head, 'x', bytes);
    request[(size_t)head + bytes] = '\0';
    return request;
}
