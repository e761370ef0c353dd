/*
 * What `pullthrough warm` imports next, by a clock of the test's own.
 */
#include "app/cli/warm_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HOUR_MS = 3600 * 1000, TIMEOUT_MS = 60 * 1000, IMAGES = 32 };

struct bench {
    struct warm_queue *queue;
    struct warm_image images[IMAGES];
    struct warm_wait wait;
    size_t n;
    uint64_t now_ms;
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->queue = warm_queue_new(3, TIMEOUT_MS);
    bench->now_ms = 1000;
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    warm_queue_free(bench->queue);
    for (size_t i = 0; i < IMAGES; i++)
        free(bench->images[i].reason);
    free(bench);
    return 0;
}

static void add(struct bench *bench, int upstream, size_t n)
{
    while (n-- > 0) {
        bench->images[bench->n].upstream = upstream;
        warm_queue_add(bench->queue, &bench->images[bench->n++]);
    }
}

/* The number of the image, or -1. */
static int take(struct bench *bench)
{
    struct warm_image *image = warm_queue_take(bench->queue, bench->now_ms, &bench->wait);

    return image ? (int)(image - bench->images) : -1;
}

static void settle(struct bench *bench, int image, enum image_outcome outcome)
{
    warm_queue_settle(bench->queue, &bench->images[image], outcome, "a reason", "an advice",
                      bench->now_ms);
}

static void test_in_turn(void **state)
{
    struct bench *bench = *state;

    add(bench, 0, 2);
    add(bench, 2, 2);
    assert_int_equal(take(bench), 0);
    assert_int_equal(take(bench), 2);
    assert_int_equal(take(bench), 1);
    assert_int_equal(take(bench), 3);
    assert_int_equal(take(bench), -1);
    assert_true(bench->wait.ms > 0); /* one that is under way may be put back */
    assert_int_equal(bench->wait.upstream, -1);
    for (int i = 0; i < 4; i++) {
        settle(bench, i, IMAGE_THERE);
        assert_int_equal(bench->images[i].state, WARM_IMPORTED);
    }
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, 0);
}

/* Never more than so many in any hour; others don't wait. */
static void test_pace(void **state)
{
    struct bench *bench = *state;

    warm_queue_pace(bench->queue, 1, 2);
    add(bench, 1, 5);
    add(bench, 0, 1);
    assert_int_equal(take(bench), 5);
    assert_int_equal(take(bench), 0);
    bench->now_ms += 1000;
    assert_int_equal(take(bench), 1);
    for (int i = 0; i < 2; i++)
        settle(bench, i, IMAGE_THERE);
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, HOUR_MS - 1000);
    assert_int_equal(bench->wait.upstream, 1);
    assert_int_equal(bench->wait.per_hour, 2);
    bench->now_ms += HOUR_MS - 1001;
    assert_int_equal(take(bench), -1);
    bench->now_ms++;
    assert_int_equal(take(bench), 2);
    assert_int_equal(take(bench), -1);
    bench->now_ms += 1000;
    assert_int_equal(take(bench), 3);
    assert_int_equal(take(bench), -1);
}

/* All of the upstream waits, longer each time, and said once by those under way together. */
static void test_asked_too_often(void **state)
{
    struct bench *bench = *state;

    add(bench, 1, 3);
    add(bench, 0, 1);
    assert_int_equal(take(bench), 3);
    assert_int_equal(take(bench), 0);
    assert_int_equal(take(bench), 1);
    settle(bench, 0, IMAGE_THROTTLED);
    settle(bench, 1, IMAGE_THROTTLED);
    settle(bench, 3, IMAGE_THERE);
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, WARM_PAUSE_MS);
    assert_int_equal(bench->wait.per_hour, 0);
    bench->now_ms += WARM_PAUSE_MS;
    assert_int_equal(take(bench), 1);
    settle(bench, 1, IMAGE_THROTTLED);
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, 2 * WARM_PAUSE_MS);
    bench->now_ms += 2 * WARM_PAUSE_MS;
    assert_int_equal(take(bench), 1);
    settle(bench, 1, IMAGE_THERE);
    assert_int_equal(take(bench), 0);
    settle(bench, 0, IMAGE_THROTTLED);
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, WARM_PAUSE_MS); /* it went well meanwhile */
}

/* In the end the upstream is given up. */
static void test_asked_too_often_for_good(void **state)
{
    struct bench *bench = *state;

    add(bench, 1, 3);
    for (int tries = 0; tries < 100; tries++) {
        int image = take(bench);

        if (image < 0 && bench->wait.ms == 0)
            break;
        if (image >= 0)
            settle(bench, image, IMAGE_THROTTLED);
        else
            bench->now_ms += bench->wait.ms;
    }
    assert_int_equal(bench->wait.ms, 0);
    assert_true(bench->now_ms >= TIMEOUT_MS && bench->now_ms < 3 * TIMEOUT_MS);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench->images[i].state, WARM_FAILED);
        assert_string_equal(bench->images[i].reason, "a reason");
        assert_string_equal(bench->images[i].advice, "an advice");
    }
}

static void test_no_answer(void **state)
{
    struct bench *bench = *state;

    add(bench, 1, 1);
    for (unsigned i = 0; i < WARM_TRIES_MAX; i++) {
        assert_int_equal(take(bench), 0);
        settle(bench, 0, IMAGE_NO_ANSWER);
        assert_int_equal(bench->images[0].state,
                         i + 1 < WARM_TRIES_MAX ? WARM_MISSING : WARM_FAILED);
        assert_int_equal(take(bench), -1);
        assert_int_equal(bench->wait.ms, i + 1 < WARM_TRIES_MAX ? WARM_AGAIN_MS << i : 0);
        bench->now_ms += bench->wait.ms;
    }
}

/* Images in a row; one that is there begins the row anew. */
static void test_a_silent_upstream(void **state)
{
    struct bench *bench = *state;
    unsigned asked = 0;

    add(bench, 1, 20);
    for (;;) {
        int image = take(bench);

        if (image < 0 && bench->wait.ms == 0)
            break;
        if (image < 0) {
            bench->now_ms += bench->wait.ms;
            continue;
        }
        asked |= 1U << image;
        settle(bench, image, image == 2 ? IMAGE_THERE : IMAGE_NO_ANSWER);
    }
    assert_int_equal(asked, (1U << (3 + WARM_SILENT_MAX)) - 1);
    for (int i = 0; i < 20; i++)
        assert_int_equal(bench->images[i].state, i == 2 ? WARM_IMPORTED : WARM_FAILED);
}

/* Where nothing of the upstream was ever given to us, nothing will be; else it is the image. */
static void test_denied(void **state)
{
    struct bench *bench = *state;

    add(bench, 0, 2);
    assert_int_equal(take(bench), 0);
    settle(bench, 0, IMAGE_DENIED);
    assert_int_equal(bench->images[1].state, WARM_FAILED);
    add(bench, 1, 3);
    assert_int_equal(take(bench), 2);
    settle(bench, 2, IMAGE_THERE);
    assert_int_equal(take(bench), 3);
    settle(bench, 3, IMAGE_DENIED);
    assert_int_equal(bench->images[3].state, WARM_FAILED);
    assert_int_equal(take(bench), 4);
    settle(bench, 4, IMAGE_REFUSED);
    assert_int_equal(take(bench), -1);
    assert_int_equal(bench->wait.ms, 0);
}

static void test_given_back(void **state)
{
    struct bench *bench = *state;

    add(bench, 0, 2);
    assert_int_equal(take(bench), 0);
    warm_queue_give_back(bench->queue, &bench->images[0]);
    assert_int_equal(bench->images[0].state, WARM_MISSING);
    assert_int_equal(take(bench), 0);
    assert_int_equal(take(bench), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_turn, start, stop),
        cmocka_unit_test_setup_teardown(test_pace, start, stop),
        cmocka_unit_test_setup_teardown(test_asked_too_often, start, stop),
        cmocka_unit_test_setup_teardown(test_asked_too_often_for_good, start, stop),
        cmocka_unit_test_setup_teardown(test_no_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_a_silent_upstream, start, stop),
        cmocka_unit_test_setup_teardown(test_denied, start, stop),
        cmocka_unit_test_setup_teardown(test_given_back, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
