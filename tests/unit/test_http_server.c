#include "pullthrough/edge/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pullthrough/edge/clock.h"
#include "pullthrough/edge/log.h"

enum { WAIT_MS = 20000, ANSWER_BYTES = 4096, MOST_BODY_BYTES = 1000 };

/* What the routes saw and how they should answer. */
struct world {
    struct http_server *server;
    unsigned asked;
    unsigned loops_seen; /* a bit a loop */
    bool signals_blocked;
    pthread_mutex_t gate; /* held by the test: the route waits, and so does its loop */
};

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

static void refuse(void *context, const struct http_request *request,
                   struct http_response *response)
{
    (void)context;
    (void)request;
    response->status = 503;
    strbuf_add_str(&response->body, "later");
}

struct plan {
    unsigned threads, max_connections;
    uint64_t idle_ms, request_ms;
    const char *host;
};

static struct world *world_new(const struct plan *plan)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct http_route routes[] = {
        {"POST", "/echo", echo, world},         {"GET", "/echo", echo, world},
        {"POST", "/wait", wait_at_gate, world}, {"POST", "/sized", answer_sized, world},
        {"GET", "/refuse", refuse, world},
    };
    const struct http_route other[] = {{"GET", "/other", echo, world}};
    const struct http_listener listeners[] = {
        {.host = slice_str(plan->host),
         .routes = routes,
         .n_routes = sizeof(routes) / sizeof(routes[0]),
         .max_connections = plan->max_connections ? plan->max_connections : 100},
        {.host = slice_str("127.0.0.1"), .routes = other, .n_routes = 1, .max_connections = 10},
    };
    const struct http_server_config config = {
        .threads = plan->threads ? plan->threads : 1,
        .max_body_bytes = MOST_BODY_BYTES,
        .max_response_bytes = 90000,
        .idle_ms = plan->idle_ms ? plan->idle_ms : 60000,
        .request_ms = plan->request_ms ? plan->request_ms : 60000,
        .handshake_ms = 5000,
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

static void world_free(struct world *world)
{
    http_server_stop(world->server, 1000);
    http_server_free(world->server);
    (void)pthread_mutex_destroy(&world->gate);
    free(world);
}

static int dial(uint16_t port)
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

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read one answer (headers and the length they name); false at the end of the connection. */
static bool hear(int fd, char *answer, size_t size)
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

static bool is_over(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);

    return got == 0 || (got < 0 && errno == ECONNRESET);
}

static const char *ask(uint16_t port, const char *request, char answer[ANSWER_BYTES])
{
    int fd = dial(port);

    say(fd, request);
    assert_true(hear(fd, answer, ANSWER_BYTES));
    (void)close(fd);
    return answer;
}

static void wait_until(bool (*reached)(struct world *world, unsigned number), struct world *world,
                       unsigned number)
{
    for (int i = 0; i < WAIT_MS && !reached(world, number); i++)
        (void)poll(NULL, 0, 1);
    assert_true(reached(world, number));
}

static unsigned times_asked(struct world *world)
{
    return __atomic_load_n(&world->asked, __ATOMIC_RELAXED);
}

static bool has_been_asked(struct world *world, unsigned times)
{
    return times_asked(world) >= times;
}

static unsigned loops_seen(struct world *world)
{
    return __atomic_load_n(&world->loops_seen, __ATOMIC_RELAXED);
}

static void test_routes(void **state)
{
    static const struct {
        const char *request, *status, *part;
    } rows[] = {
        {"GET /echo HTTP/1.1\r\n\r\n", "200 OK", "\r\n\r\nGET /echo "},
        {"POST /echo?timeout=3s HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "200 OK",
         "\r\n\r\nPOST /echo abc"},
        {"POST /a/../echo HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "200 OK", "POST /echo "},
        {"GET /%65cho HTTP/1.0\r\n\r\n", "200 OK", "GET /echo "},
        {"GET /echo HTTP/1.1\r\n\r\n", "200 OK", "content-type: application/json\r\n"},
        {"GET /echo HTTP/1.1\r\n\r\n", "200 OK", "Content-Length: 10\r\n"},
        {"GET /echo HTTP/1.1\r\n\r\n", "200 OK", "Connection: keep-alive\r\n"},
        {"GET /refuse HTTP/1.1\r\n\r\n", "503 Service Unavailable", "later"},
        {"GET /echo/ HTTP/1.1\r\n\r\n", "404 Not Found", "not found"},
        {"GET /echo/x HTTP/1.1\r\n\r\n", "404 Not Found", "text/plain; charset=utf-8"},
        {"GET /ech HTTP/1.1\r\n\r\n", "404 Not Found", "not found"},
        {"GET /other HTTP/1.1\r\n\r\n", "404 Not Found", "not found"},
        {"GET / HTTP/1.1\r\n\r\n", "404 Not Found", "not found"},
        {"OPTIONS * HTTP/1.1\r\n\r\n", "404 Not Found", "not found"},
        {"PUT /echo HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "allow: POST, GET\r\n"},
        {"GET /wait HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "allow: POST\r\n"},
        {"get /echo HTTP/1.1\r\n\r\n", "405 Method Not Allowed", "allow: POST, GET\r\n"},
    };
    struct world *world = world_new(&(struct plan){0});
    char answer[ANSWER_BYTES], line[100];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(http_server_port(world->server, 0), rows[i].request, answer);
        (void)snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n", rows[i].status);
        if (strncmp(answer, line, strlen(line)) != 0 || !strstr(answer, rows[i].part))
            fail_msg("%s gave %s", rows[i].request, answer);
        assert_null(strcasestr(answer, "\r\nserver:"));
        assert_null(strcasestr(answer, "\r\nretry-after:"));
    }
    assert_true(__atomic_load_n(&world->signals_blocked, __ATOMIC_RELAXED));
    ask(http_server_port(world->server, 1), "GET /other HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "200 OK"));
    ask(http_server_port(world->server, 1), "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "404 Not Found"));
    world_free(world);
}

static void test_head_has_no_body(void **state)
{
    struct world *world = world_new(&(struct plan){0});
    int fd = dial(http_server_port(world->server, 0));
    char answer[ANSWER_BYTES];

    (void)state;
    say(fd, "HEAD /echo HTTP/1.1\r\n\r\nGET /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_true(recv(fd, answer, sizeof(answer), MSG_WAITALL) > 0);
    assert_non_null(strstr(answer, "405 Method Not Allowed"));
    assert_non_null(strstr(answer, "\r\n\r\nHTTP/1.1 200 OK"));
    (void)close(fd);
    world_free(world);
}

static const char *sized(const char *path, unsigned bytes, char *request, size_t size)
{
    int head =
        snprintf(request, size, "POST %s HTTP/1.1\r\nContent-Length: %u\r\n\r\n", path, bytes);

    assert_true(head > 0 && (size_t)head + bytes < size);
    memset(request + head, 'x', bytes);
    request[(size_t)head + bytes] = '\0';
    return request;
}

static void test_body_limit_is_exact(void **state)
{
    struct world *world = world_new(&(struct plan){0});
    char answer[ANSWER_BYTES], request[2 * MOST_BODY_BYTES];
    uint16_t port = http_server_port(world->server, 0);

    (void)state;
    ask(port, sized("/echo", MOST_BODY_BYTES, request, sizeof(request)), answer);
    assert_non_null(strstr(answer, "200 OK"));
    ask(port, sized("/echo", MOST_BODY_BYTES + 1, request, sizeof(request)), answer);
    assert_non_null(strstr(answer, "413 Payload Too Large"));
    assert_non_null(strstr(answer, "Connection: close"));
    ask(port, "POST /echo HTTP/1.1\r\nContent-Length: 1002\r\n\r\n", answer);
    assert_non_null(strstr(answer, "HTTP/1.1 413 "));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_int_equal(times_asked(world), 1);
    world_free(world);
}

/* Answers come from one buffer up to 32 KiB and by another way above; all must be whole. */
static void test_answers_of_every_size(void **state)
{
    static const unsigned hundreds[] = {0, 1, 327, 328, 600, 899};
    struct world *world = world_new(&(struct plan){0});
    char request[2 * MOST_BODY_BYTES], *answer = malloc(100000);
    int fd = dial(http_server_port(world->server, 0));

    (void)state;
    assert_non_null(answer);
    for (size_t i = 0; i < sizeof(hundreds) / sizeof(hundreds[0]); i++) {
        const char *body;

        say(fd, sized("/sized", hundreds[i], request, sizeof(request)));
        assert_true(hear(fd, answer, 100000));
        assert_non_null(strstr(answer, "200 OK"));
        body = strstr(answer, "\r\n\r\n") + 4;
        assert_int_equal(strlen(body), hundreds[i] * 100);
        for (size_t k = 0; k < hundreds[i] * 100; k++)
            assert_int_equal(body[k], 'a' + k % 26);
    }
    say(fd, sized("/sized", 901, request, sizeof(request)));
    assert_true(hear(fd, answer, 100000));
    assert_non_null(strstr(answer, "500 Internal Server Error"));
    assert_non_null(strstr(answer, "the answer is too large"));
    (void)close(fd);
    free(answer);
    world_free(world);
}

static void test_all_loops_share_one_free_port(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 3});
    char answer[ANSWER_BYTES];

    (void)state;
    assert_int_not_equal(http_server_port(world->server, 0), 0);
    assert_int_not_equal(http_server_port(world->server, 0), http_server_port(world->server, 1));
    for (int i = 0; i < 1000 && loops_seen(world) != 7; i++)
        ask(http_server_port(world->server, 0), "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_int_equal(loops_seen(world), 7);
    world_free(world);
}

static void test_every_address_means_ipv6_too(void **state)
{
    static const char *const hosts[] = {"", "::"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *world = world_new(&(struct plan){.threads = 2, .host = hosts[i]});
        struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                       .sin6_port = htons(http_server_port(world->server, 0)),
                                       .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        char answer[ANSWER_BYTES];
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ask(http_server_port(world->server, 0), "GET /echo HTTP/1.1\r\n\r\n", answer);
        assert_non_null(strstr(answer, "200 OK"));
        if (fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
                        errno != EADDRNOTAVAIL)) { /* a machine without IPv6 has no ::1 */
            say(fd, "GET /echo HTTP/1.1\r\n\r\n");
            assert_true(hear(fd, answer, sizeof(answer)));
            assert_non_null(strstr(answer, "200 OK"));
        }
        if (fd >= 0)
            (void)close(fd);
        world_free(world);
    }
}

static int try_new(const char *host, uint16_t port, unsigned threads, struct error *error)
{
    const struct http_listener listener = {.host = slice_str(host), .port = port};
    const struct http_server_config config = {
        .threads = threads, .listeners = &listener, .n_listeners = 1};
    struct http_server *server;

    if (http_server_new(&server, &config, error))
        return -1;
    http_server_free(server); /* it never started */
    return 0;
}

static void test_what_cannot_listen(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 2});
    uint16_t taken = http_server_port(world->server, 1);
    struct error error = {{0}};
    char want[100];

    (void)state;
    assert_int_equal(try_new("127.0.0.1", 0, 2, &error), 0);
    assert_string_equal(error.text, "");
    /* our port is shared among our loops, and with nobody else */
    assert_int_equal(try_new("127.0.0.1", taken, 2, &error), -1);
    (void)snprintf(want, sizeof(want), "cannot listen on port %u: Address already in use", taken);
    assert_string_equal(error.text, want);
    assert_int_equal(try_new("", taken, 1, &error), -1);
    assert_string_equal(error.text, want);
    assert_int_equal(try_new("localhost", 0, 1, &error), -1);
    assert_string_equal(error.text, "not an IP address: localhost");
    assert_int_equal(try_new("127.0.0.1", 0, 0, &error), -1);
    assert_string_equal(error.text, "a server needs a thread and a listener");
    assert_int_equal(try_new("192.0.2.1", 0, 1, &error), -1);
    assert_string_equal(error.text, "cannot listen on port 0: Cannot assign requested address");
    world_free(world);
}

static void test_draining_says_close_and_still_answers(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 2});
    int fd = dial(http_server_port(world->server, 0));
    char answer[ANSWER_BYTES];

    (void)state;
    say(fd, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(fd, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "Connection: keep-alive"));
    http_server_drain(world->server);
    say(fd, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(fd, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_true(is_over(fd));
    (void)close(fd);
    ask(http_server_port(world->server, 0), "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "Connection: close"));
    world_free(world);
}

struct stopping {
    struct http_server *server;
    uint64_t grace_ms;
};

static void *stop(void *argument)
{
    struct stopping *stopping = argument;

    http_server_stop(stopping->server, stopping->grace_ms);
    return NULL;
}

static void test_stop_waits_for_an_answer_under_way(void **state)
{
    struct world *world = world_new(&(struct plan){0});
    struct stopping stopping = {world->server, WAIT_MS};
    uint16_t port = http_server_port(world->server, 0);
    int idle = dial(port), late = dial(port), asking = dial(port);
    char answer[ANSWER_BYTES];
    pthread_t stopper;

    (void)state;
    say(idle, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(idle, answer, sizeof(answer)));
    say(late, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nla");
    (void)pthread_mutex_lock(&world->gate);
    say(asking, "POST /wait HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    wait_until(has_been_asked, world, 2);
    assert_int_equal(pthread_create(&stopper, NULL, stop, &stopping), 0);
    (void)pthread_mutex_unlock(&world->gate);
    assert_true(hear(asking, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "through"));
    assert_true(is_over(idle));
    say(late, "te");
    assert_true(hear(late, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "POST /echo late"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_true(is_over(late));
    (void)close(idle);
    (void)close(late);
    (void)close(asking);
    world_free(world); /* a second stop changes nothing */
}

static void test_stop_ends_what_takes_longer_than_its_grace(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 2});
    int half = dial(http_server_port(world->server, 0));
    uint64_t begun = clock_monotonic_ns();
    char answer[ANSWER_BYTES];

    (void)state;
    ask(http_server_port(world->server, 0), "GET /echo HTTP/1.1\r\n\r\n", answer);
    say(half, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nha");
    http_server_stop(world->server, 300);
    assert_true(clock_monotonic_ns() - begun < 10ULL * 1000 * 1000 * 1000);
    assert_true(is_over(half));
    (void)close(half);
    assert_int_equal(http_server_silence_ms(world->server), 0);
    world_free(world);
}

static void test_silence(void **state)
{
    struct world *world = world_new(&(struct plan){0});
    int fd = dial(http_server_port(world->server, 0));
    char answer[ANSWER_BYTES];

    (void)state;
    for (int i = 0; i < 30; i++) {
        assert_true(http_server_silence_ms(world->server) < 10000);
        (void)poll(NULL, 0, 5);
    }
    (void)pthread_mutex_lock(&world->gate); /* the loop hangs in its route */
    say(fd, "POST /wait HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    wait_until(has_been_asked, world, 1);
    while (http_server_silence_ms(world->server) < 1500)
        (void)poll(NULL, 0, 10);
    (void)pthread_mutex_unlock(&world->gate);
    assert_true(hear(fd, answer, sizeof(answer)));
    for (int i = 0; i < WAIT_MS && http_server_silence_ms(world->server) >= 1500; i++)
        (void)poll(NULL, 0, 1);
    assert_true(http_server_silence_ms(world->server) < 1500);
    (void)close(fd);
    world_free(world);
}

static uint64_t cpu_ms(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* Nothing to read for half a second, in which next to no CPU is used. */
static void assert_quiet(int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    uint64_t before = cpu_ms();

    assert_int_equal(poll(&waiting, 1, 500), 0);
    assert_true(cpu_ms() - before < 250);
}

static void test_connection_limit_waits_and_recovers(void **state)
{
    enum { MOST = 3 };
    struct world *world = world_new(&(struct plan){.threads = 2, .max_connections = MOST});
    uint16_t port = http_server_port(world->server, 0);
    int held[MOST], waiting[2 * MOST];
    char answer[ANSWER_BYTES];

    (void)state;
    for (int i = 0; i < MOST; i++) {
        held[i] = dial(port);
        say(held[i], "GET /echo HTTP/1.1\r\n\r\n");
        assert_true(hear(held[i], answer, sizeof(answer)));
    }
    for (int i = 0; i < 2 * MOST; i++) {
        waiting[i] = dial(port);
        say(waiting[i], "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
    }
    assert_quiet(waiting[0]);
    assert_int_equal(times_asked(world), MOST);
    ask(http_server_port(world->server, 1), "GET /other HTTP/1.1\r\n\r\n", answer); /* own limit */
    (void)close(held[0]);
    for (int i = 0; i < 2 * MOST; i++) {
        assert_true(hear(waiting[i], answer, sizeof(answer)));
        assert_non_null(strstr(answer, "200 OK"));
        (void)close(waiting[i]);
    }
    for (int i = 1; i < MOST; i++)
        (void)close(held[i]);
    world_free(world);
}

static void test_no_file_descriptor_waits_and_recovers(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 2});
    int held = dial(http_server_port(world->server, 0)), last;
    struct rlimit before, tight;
    char answer[ANSWER_BYTES];

    (void)state;
    say(held, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(held, answer, sizeof(answer)));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    last = dup(held); /* the lowest free one: our end takes it, and the server's finds none */
    (void)close(last);
    tight = (struct rlimit){.rlim_cur = (rlim_t)last + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(dial(http_server_port(world->server, 0)), last);
    say(last, "GET /echo HTTP/1.1\r\n\r\n");
    assert_quiet(last);
    say(held, "GET /echo HTTP/1.1\r\n\r\n"); /* who is connected is served */
    assert_true(hear(held, answer, sizeof(answer)));
    assert_int_equal(times_asked(world), 2);
    (void)close(held); /* this alone frees what the waiting one needs */
    assert_true(hear(last, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "200 OK"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    (void)close(last);
    world_free(world);
}

static void test_idle_and_request_deadlines_differ(void **state)
{
    struct world *world = world_new(&(struct plan){.idle_ms = 1500, .request_ms = 300});
    uint16_t port = http_server_port(world->server, 0);
    uint64_t begun = clock_monotonic_ns(), cut_ns, idle_ns;
    int slow = dial(port), idle = dial(port);
    char answer[ANSWER_BYTES];

    (void)state;
    say(idle, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(idle, answer, sizeof(answer)));
    say(slow, "POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
    assert_true(is_over(slow));
    cut_ns = clock_monotonic_ns() - begun;
    assert_true(cut_ns >= 300ULL * 1000 * 1000);
    assert_true(is_over(idle));
    idle_ns = clock_monotonic_ns() - begun;
    assert_true(idle_ns >= 1500ULL * 1000 * 1000);
    assert_true(cut_ns < idle_ns);
    (void)close(slow);
    (void)close(idle);
    world_free(world);
}

/* Many requests in a row on one connection, for longer than one of them may take. */
static void test_a_busy_connection_is_not_a_slow_one(void **state)
{
    struct world *world = world_new(&(struct plan){.idle_ms = 60000, .request_ms = 200});
    int fd = dial(http_server_port(world->server, 0));
    uint64_t end = clock_monotonic_ns() + 1000ULL * 1000 * 1000;
    char answer[ANSWER_BYTES];

    (void)state;
    /* There is always half of the next request in the server's input. */
    say(fd, "GET /echo HTTP/1.1\r\n");
    while (clock_monotonic_ns() < end) {
        say(fd, "\r\nGET /echo HTTP/1.1\r\n");
        assert_true(hear(fd, answer, sizeof(answer)));
    }
    (void)close(fd);
    world_free(world);
}

static void test_a_client_that_takes_no_answer_is_cut(void **state)
{
    struct world *world = world_new(&(struct plan){.request_ms = 400});
    int fd = dial(http_server_port(world->server, 0)), small = 4096;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    char request[2 * MOST_BODY_BYTES];
    ssize_t sent = 0;
    char answer[ANSWER_BYTES];

    (void)state;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    sized("/sized", 800, request, sizeof(request));
    while (sent >= 0) { /* until the server reads no more, and then ends it */
        (void)poll(&writable, 1, WAIT_MS);
        sent = send(fd, request, strlen(request), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    for (int i = 0; i < WAIT_MS && (writable.revents & (POLLERR | POLLHUP)) == 0; i++)
        (void)poll(&writable, 1, 1);
    assert_true(writable.revents & (POLLERR | POLLHUP));
    (void)close(fd);
    ask(http_server_port(world->server, 0), "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "200 OK"));
    world_free(world);
}

static void test_start_and_stop_in_a_row(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct world *world = world_new(&(struct plan){.threads = 4});

        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_body_limit_is_exact),
        cmocka_unit_test(test_answers_of_every_size),
        cmocka_unit_test(test_all_loops_share_one_free_port),
        cmocka_unit_test(test_every_address_means_ipv6_too),
        cmocka_unit_test(test_what_cannot_listen),
        cmocka_unit_test(test_draining_says_close_and_still_answers),
        cmocka_unit_test(test_stop_waits_for_an_answer_under_way),
        cmocka_unit_test(test_stop_ends_what_takes_longer_than_its_grace),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_connection_limit_waits_and_recovers),
        cmocka_unit_test(test_no_file_descriptor_waits_and_recovers),
        cmocka_unit_test(test_idle_and_request_deadlines_differ),
        cmocka_unit_test(test_a_busy_connection_is_not_a_slow_one),
        cmocka_unit_test(test_a_client_that_takes_no_answer_is_cut),
        cmocka_unit_test(test_start_and_stop_in_a_row),
    };

    log_set_level(LOG_LEVEL_ERROR); /* the limits are reached on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
