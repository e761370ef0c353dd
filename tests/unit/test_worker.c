/*
 * A worker with a real thread; every wait is for what it does. Run under ThreadSanitizer too.
 */
#include "pullthrough/edge/sys/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LONG_MS = 600 * 1000, TURNS_MAX = 16 };

/* What the thread did, in order, under the worker's lock. */
struct bench {
    struct worker worker;
    pthread_cond_t news;
    int given;
    struct {
        int order; /* worked for */
        bool waited_out;
    } turns[TURNS_MAX];
    size_t n_turns, n_waits;
    uint64_t wait_ms;
};

static void *work(void *context)
{
    struct bench *bench = context;
    int order = 0;

    while (!worker_is_stopping(&bench->worker)) {
        size_t turn;
        bool out;

        worker_lock(&bench->worker);
        if (worker_take(&bench->worker))
            order = bench->given;
        turn = bench->n_turns < TURNS_MAX ? bench->n_turns++ : TURNS_MAX - 1;
        bench->turns[turn].order = order;
        (void)pthread_cond_broadcast(&bench->news);
        worker_unlock(&bench->worker);
        out = worker_wait(&bench->worker, bench->wait_ms);
        worker_lock(&bench->worker);
        bench->turns[turn].waited_out = out;
        bench->n_waits++;
        (void)pthread_cond_broadcast(&bench->news);
        worker_unlock(&bench->worker);
    }
    return NULL;
}

static void start(struct bench *bench, uint64_t wait_ms)
{
    memset(bench, 0, sizeof(*bench));
    worker_init(&bench->worker);
    (void)pthread_cond_init(&bench->news, NULL);
    bench->wait_ms = wait_ms;
    assert_int_equal(worker_start(&bench->worker, work, bench, "test", NULL), 0);
}

static void finish(struct bench *bench)
{
    worker_stop(&bench->worker);
    worker_stop(&bench->worker); /* once is enough, twice is harmless */
    worker_fini(&bench->worker);
    (void)pthread_cond_destroy(&bench->news);
}

static void give(struct bench *bench, int order)
{
    worker_lock(&bench->worker);
    bench->given = order;
    worker_renew(&bench->worker);
    assert_true(worker_is_over(&bench->worker));
    worker_unlock(&bench->worker);
}

static void wait_for_turns(struct bench *bench, size_t n)
{
    worker_lock(&bench->worker);
    while (bench->n_turns < n)
        (void)pthread_cond_wait(&bench->news, &bench->worker.lock);
    worker_unlock(&bench->worker);
}

static void test_an_order_cuts_a_wait_short(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, LONG_MS);
    wait_for_turns(&bench, 1);
    assert_false(worker_asks_whether_over(&bench.worker));
    give(&bench, 7);
    wait_for_turns(&bench, 2);
    finish(&bench);
    assert_int_equal(bench.turns[0].order, 0);
    assert_false(bench.turns[0].waited_out);
    assert_int_equal(bench.turns[1].order, 7);
    assert_false(bench.turns[1].waited_out); /* the end */
    assert_int_equal(bench.n_turns, 2);
}

/* Not a new order: the wait ends as if it were time. */
static void test_a_rouse_keeps_the_order(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, LONG_MS);
    wait_for_turns(&bench, 1);
    worker_rouse(&bench.worker);
    wait_for_turns(&bench, 2);
    finish(&bench);
    assert_true(bench.turns[0].waited_out);
    assert_int_equal(bench.turns[1].order, 0);
    assert_false(bench.turns[1].waited_out);
}

static void test_a_wait_ends_by_itself(void **state)
{
    struct bench bench;

    (void)state;
    start(&bench, 1);
    wait_for_turns(&bench, 3);
    finish(&bench);
    assert_true(bench.turns[0].waited_out && bench.turns[1].waited_out);
}

/* A rouse that comes before the wait is not lost. */
static void test_a_rouse_before_the_wait(void **state)
{
    struct worker worker;

    (void)state;
    worker_init(&worker);
    worker_rouse(&worker);
    assert_true(worker_wait(&worker, LONG_MS));
    worker_lock(&worker);
    worker_renew(&worker);
    worker_unlock(&worker);
    assert_false(worker_wait(&worker, LONG_MS));
    assert_true(worker_asks_whether_over(&worker));
    worker_lock(&worker);
    assert_true(worker_take(&worker));
    assert_false(worker_take(&worker));
    worker_unlock(&worker);
    assert_false(worker_asks_whether_over(&worker));
    worker_stop(&worker); /* never started */
    worker_fini(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_cuts_a_wait_short),
        cmocka_unit_test(test_a_rouse_keeps_the_order),
        cmocka_unit_test(test_a_wait_ends_by_itself),
        cmocka_unit_test(test_a_rouse_before_the_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
