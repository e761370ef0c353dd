/* What is asked and what is answered, and where. How much, how long and until when:
 * test_http_server_limits.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "http_world.h"

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
        {"GET /query HTTP/1.1\r\n\r\n", "200 OK", "\r\nx-first: 1\r\nx-second: 2\r\n"},
        {"GET /query HTTP/1.1\r\n\r\n", "200 OK", "[]"},
        {"GET /query? HTTP/1.1\r\n\r\n", "200 OK", "[]"},
        {"GET /query?a=1&b%20?c HTTP/1.1\r\n\r\n", "200 OK", "[a=1&b%20?c]"},
        {"GET /a/../query?../x HTTP/1.1\r\n\r\n", "200 OK", "[../x]"},
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
