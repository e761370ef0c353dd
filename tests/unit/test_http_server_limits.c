/* How many, how long, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"

#include "http_world.h"

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

/* What is sent ahead is answered, but not without end at the cost of all others. */
static void test_many_requests_sent_ahead_end_the_connection(void **state)
{
    static const char one[] = "GET /echo HTTP/1.1\r\n\r\n";
    enum { SENT = 5000 };
    struct world *world = world_new(&(struct plan){0});
    int fd = dial(http_server_port(world->server, 0));
    char *all = malloc(SENT * sizeof(one)), answer[ANSWER_BYTES];
    unsigned kept = 0;

    (void)state;
    assert_non_null(all);
    for (size_t i = 0; i < SENT; i++)
        memcpy(all + i * (sizeof(one) - 1), one, sizeof(one));
    say(fd, all);
    do {
        assert_true(hear_one(fd, answer));
        kept++;
    } while (strstr(answer, "Connection: keep-alive"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_true(kept >= 64 && kept < SENT);
    assert_int_equal(times_asked(world), kept);
    (void)close(fd);
    free(all);
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
        cmocka_unit_test(test_draining_says_close_and_still_answers),
        cmocka_unit_test(test_stop_waits_for_an_answer_under_way),
        cmocka_unit_test(test_stop_ends_what_takes_longer_than_its_grace),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_connection_limit_waits_and_recovers),
        cmocka_unit_test(test_no_file_descriptor_waits_and_recovers),
        cmocka_unit_test(test_idle_and_request_deadlines_differ),
        cmocka_unit_test(test_a_busy_connection_is_not_a_slow_one),
        cmocka_unit_test(test_a_client_that_takes_no_answer_is_cut),
        cmocka_unit_test(test_many_requests_sent_ahead_end_the_connection),
        cmocka_unit_test(test_start_and_stop_in_a_row),
    };

    log_set_level(LOG_LEVEL_ERROR); /* the limits are reached on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
