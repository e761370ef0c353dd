#include "pullthrough/core/fallback/heal_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct heal_entry web = {
    .look = HEAL_LOOK_REPORTED,
    .namespace = {"shop", 4},
    .pod = {"web-0", 5},
    .uid = {"7c6e", 4},
    .list = {"containers", 10},
    .container = {"web", 3},
    .image = {"nginx:1", 7},
    .class = PULL_ABSENT,
};

static struct heal_entry of_container(const char *name)
{
    struct heal_entry entry = web;

    entry.container = slice_str(name);
    return entry;
}

static int set_up(void **state)
{
    *state = heal_queue_new();
    return 0;
}

static int tear_down(void **state)
{
    heal_queue_free(*state);
    return 0;
}

static void assert_waits(struct heal_queue *queue, uint64_t now_ms, uint64_t want_ms)
{
    uint64_t wait_ms;

    assert_null(heal_queue_next(queue, now_ms, &wait_ms));
    assert_int_equal(wait_ms, want_ms);
}

static void assert_comes(struct heal_queue *queue, uint64_t now_ms, const char *container)
{
    uint64_t wait_ms;
    const struct heal_entry *entry = heal_queue_next(queue, now_ms, &wait_ms);

    assert_non_null(entry);
    assert_memory_equal(entry->container.ptr, container, entry->container.len);
    assert_int_equal(entry->container.len, strlen(container));
}

static void test_an_empty_queue_waits_for_ever(void **state)
{
    assert_waits(*state, 0, UINT64_MAX);
    heal_queue_done(*state);
    assert_false(heal_queue_again(*state, 0));
}

static void test_texts_are_its_own(void **state)
{
    char name[] = "web", image[] = "nginx:1";
    struct heal_entry entry = of_container(name);
    uint64_t wait_ms;
    const struct heal_entry *got;

    entry.image = slice_str(image);
    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    memset(name, 'x', 3);
    memset(image, 'x', 7);
    got = heal_queue_next(*state, 0, &wait_ms);
    assert_non_null(got);
    assert_true(slice_is(got->container, "web") && slice_is(got->image, "nginx:1"));
    assert_true(slice_is(got->namespace, "shop") && slice_is(got->pod, "web-0"));
    assert_true(slice_is(got->uid, "7c6e") && slice_is(got->list, "containers"));
    assert_int_equal(got->class, PULL_ABSENT);
}

static void test_the_same_waits_once(void **state)
{
    struct heal_entry other = of_container("sidecar");

    assert_int_equal(heal_queue_add(*state, &web, 0, 0), 0);
    assert_int_equal(heal_queue_add(*state, &web, 50, 0), HEAL_QUEUE_KNOWN);
    assert_int_equal(heal_queue_add(*state, &other, 0, 0), 0);
    other = web;
    other.uid = slice_str("another");
    assert_int_equal(heal_queue_add(*state, &other, 0, 0), 0);
    other = web;
    other.image = slice_str("nginx:2");
    assert_int_equal(heal_queue_add(*state, &other, 0, 0), 0);
    other = web;
    other.look = HEAL_LOOK_HEALED;
    assert_int_equal(heal_queue_add(*state, &other, 0, 0), 0);
    assert_int_equal(heal_queue_length(*state), 5);
}

/* Replicas that hear of it at the same moment don't look at the same moment. */
static void test_the_first_look_is_spread(void **state)
{
    assert_int_equal(heal_queue_add(*state, &web, 1000, 499), 0);
    assert_waits(*state, 1000, 499);
    assert_waits(*state, 1498, 1);
    assert_comes(*state, 1499, "web");
}

static void test_a_status_that_lags_is_looked_at_again(void **state)
{
    static const uint64_t after_ms[] = {200, 500, 1000, 2000, 2000};
    uint64_t now_ms = 0;

    assert_int_equal(heal_queue_add(*state, &web, now_ms, 0), 0);
    for (size_t i = 0; i < sizeof(after_ms) / sizeof(after_ms[0]); i++) {
        assert_comes(*state, now_ms, "web");
        assert_true(heal_queue_again(*state, now_ms));
        assert_waits(*state, now_ms, after_ms[i]);
        now_ms += after_ms[i];
    }
    assert_comes(*state, now_ms, "web");
    assert_false(heal_queue_again(*state, now_ms));
    assert_int_equal(heal_queue_length(*state), 0);
    /* and the next report begins anew */
    assert_int_equal(heal_queue_add(*state, &web, now_ms, 0), 0);
}

static void test_a_healed_one_is_looked_at_later(void **state)
{
    struct heal_entry entry = web;
    uint64_t now_ms = 7;

    entry.look = HEAL_LOOK_HEALED;
    assert_int_equal(heal_queue_add(*state, &entry, now_ms, UINT32_MAX), 0);
    for (int i = 0; i < HEAL_QUEUE_LATER_LOOKS; i++) {
        assert_waits(*state, now_ms, HEAL_QUEUE_LATER_MS);
        now_ms += HEAL_QUEUE_LATER_MS;
        assert_comes(*state, now_ms, "web");
        assert_int_equal(heal_queue_again(*state, now_ms), i + 1 < HEAL_QUEUE_LATER_LOOKS);
    }
    assert_int_equal(heal_queue_length(*state), 0);
}

/* Whatever is reported, and however fast looks are settled. */
static void test_no_more_than_so_many_a_second(void **state)
{
    char name[16];
    uint64_t wait_ms;
    int looks = 0;

    for (int i = 0; i < 100; i++) {
        struct heal_entry entry;

        (void)snprintf(name, sizeof(name), "c%d", i);
        entry = of_container(name);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    }
    for (uint64_t now_ms = 0; now_ms < 10000; now_ms++)
        while (heal_queue_next(*state, now_ms, &wait_ms)) {
            looks++;
            heal_queue_done(*state);
            assert_true((uint64_t)looks <= now_ms * HEAL_QUEUE_PER_SECOND / 1000 + 1);
        }
    assert_int_equal(looks, 10 * HEAL_QUEUE_PER_SECOND);
}

static void test_a_flood_is_bounded(void **state)
{
    char name[16];
    struct heal_entry entry;

    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "c%d", i);
        entry = of_container(name);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0),
                         i < HEAL_QUEUE_MAX ? 0 : HEAL_QUEUE_FULL);
    }
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX);
    /* a flood of reports takes no room from what was healed */
    entry.look = HEAL_LOOK_HEALED;
    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
}

static void test_texts_have_bounds(void **state)
{
    static char text[2048];
    const struct {
        size_t offset, most;
    } rows[] = {
        {offsetof(struct heal_entry, namespace), 253}, {offsetof(struct heal_entry, pod), 253},
        {offsetof(struct heal_entry, uid), 128},       {offsetof(struct heal_entry, list), 32},
        {offsetof(struct heal_entry, container), 253}, {offsetof(struct heal_entry, image), 776},
    };

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heal_entry entry = web;

        *(struct slice *)(void *)((char *)&entry + rows[i].offset) =
            slice_of(text, rows[i].most + 1);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), HEAL_QUEUE_FULL);
        *(struct slice *)(void *)((char *)&entry + rows[i].offset) = slice_of(text, rows[i].most);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    }
}

int main(void)
{
#define QUEUE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_an_empty_queue_waits_for_ever),
        QUEUE_TEST(test_texts_are_its_own),
        QUEUE_TEST(test_the_same_waits_once),
        QUEUE_TEST(test_the_first_look_is_spread),
        QUEUE_TEST(test_a_status_that_lags_is_looked_at_again),
        QUEUE_TEST(test_a_healed_one_is_looked_at_later),
        QUEUE_TEST(test_no_more_than_so_many_a_second),
        QUEUE_TEST(test_a_flood_is_bounded),
        QUEUE_TEST(test_texts_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
