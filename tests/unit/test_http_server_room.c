/* What happens when there is no room: for a body, for an answer, for a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "pullthrough/edge/http/http_memory.h"
#include "pullthrough/edge/sys/log.h"

#include "http_world.h"

enum { MIB = 1024 * 1024, PIECE = 16 * 1024 };

/* Send the headers of a POST. */
static void announce(int fd, const char *path, size_t bytes)
{
    char head[128];

    (void)snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", path,
                   bytes);
    say(fd, head);
}

/* Send so many bytes of a body; false if the other side ended before. */
static bool push(int fd, size_t bytes)
{
    static char piece[PIECE];

    memset(piece, 'x', sizeof(piece));
    while (bytes > 0) {
        size_t step = bytes < sizeof(piece) ? bytes : sizeof(piece);

        if (send(fd, piece, step, MSG_NOSIGNAL) != (ssize_t)step)
            return false;
        bytes -= step;
    }
    return true;
}

/* Until the server's kernel has all of it. */
static void wait_arrived(int fd)
{
    int left = 1;

    for (int i = 0; i < WAIT_MS && left > 0; i++) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(left, 0);
}

static void assert_status(int fd, const char *status)
{
    char answer[ANSWER_BYTES], expected[32];

    assert_true(hear_one(fd, answer));
    (void)snprintf(expected, sizeof(expected), "HTTP/1.1 %s ", status);
    if (strncmp(answer, expected, strlen(expected)) != 0)
        fail_msg("not %s: %.200s", status, answer);
    if (status[0] != '2')
        assert_non_null(strstr(answer, "Connection: close"));
}

static void test_the_largest_body_that_still_arrives_is_refused(void **state)
{
    struct world *world =
        world_new(&(struct plan){.request_memory_bytes = MIB, .max_body_bytes = MIB});
    uint16_t port = http_server_port(world->server, 0);
    int large = dial(port), middle = dial(port), small = dial(port);

    (void)state;
    announce(large, "/length", 900000);
    announce(middle, "/length", 500000);
    announce(small, "/length", 12000);
    assert_true(push(small, 6000));
    assert_true(push(large, 600000));
    wait_arrived(large);
    assert_true(push(middle, 490000)); /* over the budget together, alone not */
    assert_status(large, "503");
    assert_true(push(large, 100000)); /* the rest is taken, and thrown away */
    assert_true(is_over(large));
    assert_true(push(middle, 10000));
    assert_status(middle, "200");
    assert_true(push(small, 6000));
    assert_status(small, "200");
    assert_true(has_lost_requests(world, 1) && !has_lost_requests(world, 2));
    (void)close(large);
    (void)close(middle);
    (void)close(small);
    world_free(world);
}

static bool is_readable(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};

    return poll(&readable, 1, 0) == 1;
}

/* The largest is in another loop, or the budget is used up by many small ones. */
static void test_no_crowd_takes_more_than_the_budget(void **state)
{
    enum { CLIENTS = 60 };
    struct world *world = world_new(
        &(struct plan){.threads = 4, .request_memory_bytes = 4 * MIB, .max_body_bytes = MIB});
    uint16_t port = http_server_port(world->server, 0);
    int clients[CLIENTS];
    char answer[ANSWER_BYTES];
    unsigned refused = 0;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial(port);
        announce(clients[i], "/length", MIB);
        (void)push(clients[i], i % 2 ? 900000 : 100000);
    }
    wait_until(has_lost_requests, world, CLIENTS / 2 - 4); /* 4 of the large ones may stay */
    ask(port, "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "200 OK"));
    for (int waited = 0; waited < WAIT_MS && refused < CLIENTS / 2 - 4; waited++) {
        refused = 0; /* a loss is counted before its answer is written */
        for (int i = 0; i < CLIENTS; i++)
            refused += is_readable(clients[i]) ? 1 : 0;
        (void)poll(NULL, 0, 1);
    }
    assert_true(refused >= CLIENTS / 2 - 4);
    for (int i = 0; i < CLIENTS; i++) {
        if (is_readable(clients[i]))
            assert_status(clients[i], "503");
        (void)close(clients[i]);
    }
    world_free(world);
}

/* Sent ahead, a few bytes behind a large body: they don't keep its memory. */
static void test_a_rest_keeps_no_large_buffer(void **state)
{
    struct world *world =
        world_new(&(struct plan){.request_memory_bytes = MIB, .max_body_bytes = MIB});
    uint16_t port = http_server_port(world->server, 0);
    int first = dial(port), second = dial(port);
    char answer[ANSWER_BYTES];

    (void)state;
    announce(first, "/refuse", 700000);
    assert_true(push(first, 700000));
    say(first, "GET /echo HTT");
    assert_true(hear_one(first, answer));
    assert_non_null(strstr(answer, "405"));
    announce(second, "/length", 700000);
    assert_true(push(second, 700000));
    assert_status(second, "200");
    say(first, "P/1.1\r\n\r\n");
    assert_true(hear_one(first, answer));
    assert_non_null(strstr(answer, "GET /echo "));
    assert_false(has_lost_requests(world, 1));
    (void)close(first);
    (void)close(second);
    world_free(world);
}

static void test_answers_that_are_not_taken_count(void **state)
{
    enum { CLIENTS = 40 };
    struct world *world =
        world_new(&(struct plan){.request_memory_bytes = MIB, .max_body_bytes = MIB});
    uint16_t port = http_server_port(world->server, 0);
    int clients[CLIENTS], small = 4096;
    char answer[ANSWER_BYTES];

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial(port);
        assert_int_equal(setsockopt(clients[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        for (int j = 0; j < 4; j++) {
            announce(clients[i], "/sized", 850);
            (void)push(clients[i], 850); /* 85,000 bytes of answer each */
        }
    }
    wait_until(has_lost_requests, world, 1);
    ask(port, "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_non_null(strstr(answer, "200 OK"));
    for (int i = 0; i < CLIENTS; i++)
        (void)close(clients[i]);
    world_free(world);
}

static void test_a_large_answer_comes_whole(void **state)
{
    struct world *world = world_new(&(struct plan){0});
    int fd = dial(http_server_port(world->server, 0));
    char request[2 * MOST_BODY_BYTES], *answer = malloc(MIB);

    (void)state;
    assert_non_null(answer);
    for (unsigned bytes = 300; bytes <= 900; bytes += 300) { /* below a piece, and above */
        const char *body;

        say(fd, sized("/sized", bytes, request, sizeof(request)));
        assert_true(hear(fd, answer, MIB));
        body = strstr(answer, "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(strlen(body + 4), bytes * 100);
        for (size_t i = 0; i < bytes * 100; i++)
            assert_int_equal(body[4 + i], 'a' + i % 26);
    }
    (void)close(fd);
    free(answer);
    world_free(world);
}

/* A connection that the given loop (a bit) serves. */
static int dial_loop(struct world *world, unsigned loop)
{
    char answer[ANSWER_BYTES];

    for (;;) {
        int fd = dial(http_server_port(world->server, 0));

        __atomic_store_n(&world->loops_seen, 0, __ATOMIC_RELAXED);
        say(fd, "GET /echo HTTP/1.1\r\n\r\n");
        assert_true(hear(fd, answer, sizeof(answer)));
        if (loops_seen(world) == loop)
            return fd;
        (void)close(fd);
    }
}

static void test_large_requests_wait_for_each_other_and_nobody_for_them(void **state)
{
    struct world *world =
        world_new(&(struct plan){.threads = 2, .large_at_once = 1, .max_body_bytes = MIB});
    int working = dial_loop(world, 1), other = dial_loop(world, 2), third = dial_loop(world, 2);
    int fourth = dial_loop(world, 2);
    unsigned before = times_asked(world);
    char answer[ANSWER_BYTES];

    (void)state;
    (void)pthread_mutex_lock(&world->gate);
    announce(working, "/wait", HTTP_LARGE_BYTES + 1);
    assert_true(push(working, HTTP_LARGE_BYTES + 1));
    wait_until(has_been_asked, world, before + 1);
    announce(other, "/length", HTTP_LARGE_BYTES + 1);
    assert_true(push(other, HTTP_LARGE_BYTES + 1));
    announce(fourth, "/length", HTTP_LARGE_BYTES + 2);
    assert_true(push(fourth, HTTP_LARGE_BYTES + 2));
    wait_arrived(other);
    wait_arrived(fourth);
    for (int i = 0; i < 3; i++) {
        say(third, "GET /echo HTTP/1.1\r\n\r\n");
        assert_true(hear_one(third, answer));
        assert_non_null(strstr(answer, "200 OK"));
    }
    assert_int_equal(times_asked(world), before + 4); /* neither of the two that wait */
    (void)pthread_mutex_unlock(&world->gate);
    assert_status(working, "200");
    assert_status(other, "200");
    assert_status(fourth, "200");
    (void)close(working);
    (void)close(other);
    (void)close(third);
    (void)close(fourth);
    world_free(world);
}

static void test_what_waits_too_long_or_at_the_end_is_refused(void **state)
{
    struct world *world = world_new(
        &(struct plan){.threads = 2, .large_at_once = 1, .max_body_bytes = MIB, .request_ms = 500});
    int working = dial_loop(world, 1), other = dial_loop(world, 2);
    unsigned before = times_asked(world);

    (void)state;
    (void)pthread_mutex_lock(&world->gate);
    announce(working, "/wait", HTTP_LARGE_BYTES + 1);
    assert_true(push(working, HTTP_LARGE_BYTES + 1));
    wait_until(has_been_asked, world, before + 1);
    announce(other, "/length", HTTP_LARGE_BYTES + 1);
    assert_true(push(other, HTTP_LARGE_BYTES + 1));
    assert_status(other, "503");
    assert_true(is_over(other));
    (void)pthread_mutex_unlock(&world->gate);
    assert_status(working, "200");
    (void)close(working);
    (void)close(other);
    world_free(world);
}

/* One that waits for its turn, whole, in loop 2, and one at work in loop 1. */
static void let_wait(struct world *world, int working, int waiting, size_t bytes)
{
    unsigned before = times_asked(world);

    (void)pthread_mutex_lock(&world->gate);
    announce(working, "/wait", HTTP_LARGE_BYTES + 1);
    assert_true(push(working, HTTP_LARGE_BYTES + 1));
    wait_until(has_been_asked, world, before + 1);
    announce(waiting, "/length", bytes);
    assert_true(push(waiting, bytes));
    wait_arrived(waiting);
}

/* Its memory is free again, though it wasn't answered when it came. */
static void test_who_waited_is_counted_like_others(void **state)
{
    struct world *world = world_new(&(struct plan){
        .threads = 2, .large_at_once = 1, .request_memory_bytes = MIB, .max_body_bytes = MIB});
    int working = dial_loop(world, 1), waiting = dial_loop(world, 2), next = dial_loop(world, 2);

    (void)state;
    let_wait(world, working, waiting, 700000);
    (void)pthread_mutex_unlock(&world->gate);
    assert_status(working, "200");
    assert_status(waiting, "200");
    announce(next, "/length", 700000);
    assert_true(push(next, 700000));
    assert_status(next, "200");
    assert_false(has_lost_requests(world, 1));
    (void)close(working);
    (void)close(waiting);
    (void)close(next);
    world_free(world);
}

/* Answers that aren't taken use up the rest, and no body is arriving that could go. */
static void test_who_waits_goes_when_no_body_arrives(void **state)
{
    enum { CLIENTS = 2 };
    struct world *world = world_new(&(struct plan){
        .threads = 2, .large_at_once = 1, .request_memory_bytes = MIB, .max_body_bytes = MIB});
    int working = dial_loop(world, 1), waiting = dial_loop(world, 2), clients[CLIENTS];
    const int small = 4096;

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial_loop(world, 2);
        assert_int_equal(setsockopt(clients[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    }
    let_wait(world, working, waiting, MIB - HTTP_LARGE_BYTES - PIECE);
    assert_false(has_lost_requests(world, 1));
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = 0; j < 4; j++) {
            announce(clients[i], "/sized", 850);
            (void)push(clients[i], 850);
        }
    }
    assert_status(waiting, "503");
    assert_true(is_over(waiting));
    assert_true(has_lost_requests(world, 1));
    (void)pthread_mutex_unlock(&world->gate);
    assert_status(working, "200");
    for (int i = 0; i < CLIENTS; i++)
        (void)close(clients[i]);
    (void)close(working);
    (void)close(waiting);
    world_free(world);
}

/* 530 silent ones never cost a probe. */
static void test_a_full_port_closes_who_was_silent_for_longest(void **state)
{
    enum { MOST = 10 };
    struct world *world = world_new(&(struct plan){.threads = 1});
    uint16_t port = http_server_port(world->server, 1);
    int silent[3 * MOST], used = dial(port);
    char answer[ANSWER_BYTES];

    (void)state;
    say(used, "GET /other HTTP/1.1\r\n\r\n");
    assert_true(hear(used, answer, sizeof(answer)));
    for (int i = 0; i < 3 * MOST; i++) {
        silent[i] = dial(port);
        if (i % 5 == 4) {
            say(used, "GET /other HTTP/1.1\r\n\r\n"); /* it never is the one */
            assert_true(hear(used, answer, sizeof(answer)));
            ask(port, "GET /other HTTP/1.1\r\n\r\n", answer);
            assert_non_null(strstr(answer, "200 OK"));
        }
    }
    assert_true(is_over(silent[0]));
    wait_until(has_lost_connections, world, 2 * MOST);
    say(used, "GET /other HTTP/1.1\r\n\r\n");
    assert_true(hear(used, answer, sizeof(answer)));
    say(silent[3 * MOST - 1], "GET /other HTTP/1.1\r\n\r\n"); /* the youngest is there */
    assert_true(hear(silent[3 * MOST - 1], answer, sizeof(answer)));
    for (int i = 0; i < 3 * MOST; i++)
        (void)close(silent[i]);
    (void)close(used);
    world_free(world);
}

/* Over several loops, each with some of them. */
static void test_other_loops_make_room(void **state)
{
    enum { MOST = 3 };
    struct world *world = world_new(&(struct plan){.threads = 4, .max_connections = MOST});
    uint16_t port = http_server_port(world->server, 0);
    int silent[MOST];
    char answer[ANSWER_BYTES];

    (void)state;
    for (int i = 0; i < MOST; i++)
        silent[i] = dial(port);
    for (int i = 0; i < 20; i++) {
        ask(port, "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n", answer);
        assert_non_null(strstr(answer, "200 OK"));
    }
    for (int i = 0; i < MOST; i++)
        (void)close(silent[i]);
    world_free(world);
}

static void test_who_has_sent_a_request_stays(void **state)
{
    enum { MOST = 4 };
    struct world *world = world_new(&(struct plan){.threads = 1, .max_connections = MOST});
    uint16_t port = http_server_port(world->server, 0);
    int used = dial(port), silent = dial(port), begun = dial(port), last = dial(port);
    char answer[ANSWER_BYTES];

    (void)state;
    say(begun, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nha");
    say(last, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(last, answer, sizeof(answer)));
    say(used, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(used, answer, sizeof(answer)));
    ask(port, "GET /echo HTTP/1.1\r\n\r\n", answer);
    assert_true(is_over(silent)); /* though the others are older, or begun */
    say(begun, "lf");
    assert_true(hear(begun, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "POST /echo half"));
    say(used, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(used, answer, sizeof(answer)));
    (void)close(used);
    (void)close(silent);
    (void)close(begun);
    (void)close(last);
    world_free(world);
}

static void test_a_port_without_bodies(void **state)
{
    static const char *const refused[] = {
        "GET /other HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        "GET /other HTTP/1.1\r\ncontent-length:  007 \r\n\r\n",
        "POST /other HTTP/1.1\r\nContent-Length: 8388608\r\n\r\n",
        "POST /other HTTP/1.1\r\nContent-Length: 8388608\r\nExpect: 100-continue\r\n\r\n",
        "POST /other HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /other HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT /nothing HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
        "GET /other HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "GET /other HTTP/1.1\nContent-Length: 5\n\n",
    };
    static const char *const taken[] = {
        "GET /other HTTP/1.1\r\n\r\n",
        "GET /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "GET /other HTTP/1.1\r\nX-Content-Length: 5\r\nContent-Length: 00\r\n\r\n",
        "GET /other?Content-Length:%205 HTTP/1.1\r\n\r\n",
    };
    struct world *world = world_new(&(struct plan){0});
    uint16_t port = http_server_port(world->server, 1);
    char answer[ANSWER_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int fd = dial(port);

        say(fd, refused[i]);
        assert_status(fd, "413");
        (void)close(fd);
    }
    assert_int_equal(times_asked(world), 0);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        ask(port, taken[i], answer);
        assert_non_null(strstr(answer, "200 OK"));
    }
    /* A short one that is there already keeps nobody from saying what is wrong first. */
    ask(port, "PUT /other HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", answer);
    assert_non_null(strstr(answer, "405 Method Not Allowed"));
    /* Sent ahead, where libh2o reads on by itself. */
    ask(port, "GET /other HTTP/1.1\r\n\r\nGET /other HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
        answer);
    world_free(world);
}

static void test_headers_in_pieces_announce_a_body_too(void **state)
{
    static const char request[] = "GET /other HTTP/1.1\r\nContent-Length: 12\r\n\r\n";
    struct world *world = world_new(&(struct plan){0});
    int fd = dial(http_server_port(world->server, 1));

    (void)state;
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        wait_arrived(fd);
    }
    assert_status(fd, "413");
    assert_true(is_over(fd));
    (void)close(fd);
    world_free(world);
}

static void test_a_drain_ends_what_is_idle(void **state)
{
    struct world *world = world_new(&(struct plan){.threads = 2});
    uint16_t port = http_server_port(world->server, 0);
    int idle = dial(port), begun = dial(port), silent = dial(port);
    char answer[ANSWER_BYTES];

    (void)state;
    say(idle, "GET /echo HTTP/1.1\r\n\r\n");
    assert_true(hear(idle, answer, sizeof(answer)));
    say(begun, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nha");
    http_server_drain(world->server);
    assert_true(is_over(idle)); /* though nobody stops the server */
    assert_true(is_over(silent));
    say(begun, "lf");
    assert_true(hear(begun, answer, sizeof(answer)));
    assert_non_null(strstr(answer, "POST /echo half"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_true(is_over(begun));
    (void)close(idle);
    (void)close(begun);
    (void)close(silent);
    world_free(world);
}

/* One request after the other, with pauses, is not an idle connection: every one is answered until
 * one says "close". */
static void test_a_drain_loses_no_request(void **state)
{
    for (int round = 0; round < 20; round++) {
        struct world *world = world_new(&(struct plan){0});
        int fd = dial(http_server_port(world->server, 0));
        char answer[ANSWER_BYTES];

        (void)state;
        for (int i = 0;; i++) {
            if (i == 2)
                http_server_drain(world->server);
            say(fd, "GET /echo HTTP/1.1\r\n\r\n");
            assert_true(hear_one(fd, answer));
            assert_non_null(strstr(answer, "200 OK"));
            if (strstr(answer, "Connection: close"))
                break;
        }
        assert_true(is_over(fd));
        (void)close(fd);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest_body_that_still_arrives_is_refused),
        cmocka_unit_test(test_no_crowd_takes_more_than_the_budget),
        cmocka_unit_test(test_a_rest_keeps_no_large_buffer),
        cmocka_unit_test(test_answers_that_are_not_taken_count),
        cmocka_unit_test(test_a_large_answer_comes_whole),
        cmocka_unit_test(test_large_requests_wait_for_each_other_and_nobody_for_them),
        cmocka_unit_test(test_what_waits_too_long_or_at_the_end_is_refused),
        cmocka_unit_test(test_who_waited_is_counted_like_others),
        cmocka_unit_test(test_who_waits_goes_when_no_body_arrives),
        cmocka_unit_test(test_a_full_port_closes_who_was_silent_for_longest),
        cmocka_unit_test(test_other_loops_make_room),
        cmocka_unit_test(test_who_has_sent_a_request_stays),
        cmocka_unit_test(test_a_port_without_bodies),
        cmocka_unit_test(test_headers_in_pieces_announce_a_body_too),
        cmocka_unit_test(test_a_drain_ends_what_is_idle),
        cmocka_unit_test(test_a_drain_loses_no_request),
    };

    log_set_level(LOG_LEVEL_ERROR); /* the limits are reached on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
