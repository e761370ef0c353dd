#include "pullthrough/core/fallback/heal_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    assert_false(heal_queue_again(*state, 0, false));
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
        assert_true(heal_queue_again(*state, now_ms, false));
        assert_waits(*state, now_ms, after_ms[i]);
        now_ms += after_ms[i];
    }
    assert_comes(*state, now_ms, "web");
    assert_false(heal_queue_again(*state, now_ms, false));
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
        assert_int_equal(heal_queue_again(*state, now_ms, false), i + 1 < HEAL_QUEUE_LATER_LOOKS);
    }
    assert_int_equal(heal_queue_length(*state), 0);
}

/* "NAMESPACE/CONTAINER" */
static struct heal_entry of_namespace(const char *namespace, const char *container)
{
    struct heal_entry entry = of_container(container);

    entry.namespace = slice_str(namespace);
    return entry;
}

static struct heal_entry unreachable(const char *container, uint64_t failed_ms, unsigned failures)
{
    struct heal_entry entry = of_container(container);

    entry.class = PULL_UNREACHABLE;
    entry.failed_ms = failed_ms;
    entry.failures = failures;
    return entry;
}

/* Many of a namespace, c0 and so on, that are due at once. */
static void add_many(struct heal_queue *queue, const char *namespace, int n, int want)
{
    char name[16];

    for (int i = 0; i < n; i++) {
        struct heal_entry entry;

        (void)snprintf(name, sizeof(name), "c%d", i);
        entry = of_namespace(namespace, name);
        assert_int_equal(heal_queue_add(queue, &entry, 0, 0), want);
    }
}

/* Whatever is reported, and however fast looks are settled. */
static void assert_rate(struct heal_queue *queue, bool heals, int per_second)
{
    uint64_t wait_ms;
    int looks = 0;

    add_many(queue, "shop", 10 * per_second + 10, 0);
    for (uint64_t now_ms = 0; now_ms < 10000; now_ms++)
        while (heal_queue_next(queue, now_ms, &wait_ms)) {
            looks++;
            if (heals)
                heal_queue_heals(queue, now_ms);
            heal_queue_done(queue);
            assert_true((uint64_t)looks <= now_ms * (uint64_t)per_second / 1000 + 1);
        }
    assert_int_equal(looks, 10 * per_second);
}

static void test_no_more_looks_than_so_many_a_second(void **state)
{
    assert_rate(*state, false, HEAL_QUEUE_LOOKS_PER_SECOND);
}

static void test_no_more_heals_than_so_many_a_second(void **state)
{
    assert_rate(*state, true, HEAL_QUEUE_HEALS_PER_SECOND);
}

/* Kubelet tries again 10, 20, 40, ... and at most 300 s after a failure. */
static void test_it_can_be_too_late(void **state)
{
    static const struct {
        unsigned failures;
        uint64_t good_ms;
    } rows[] = {{0, 8000},   {1, 8000},   {2, 18000},  {3, 38000},       {4, 78000},
                {5, 158000}, {6, 298000}, {7, 298000}, {1000000, 298000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heal_queue *queue = heal_queue_new();
        struct heal_entry entry = unreachable("web", 1000, rows[i].failures);
        uint64_t last_ms = 1000 + rows[i].good_ms;

        assert_int_equal(heal_queue_add(queue, &entry, last_ms + 1, 0), HEAL_QUEUE_STALE);
        assert_int_equal(heal_queue_add(queue, &entry, last_ms, 0), 0);
        assert_waits(queue, last_ms + 1, UINT64_MAX);
        assert_int_equal(heal_queue_take_stale(queue), 1);
        assert_int_equal(heal_queue_take_stale(queue), 0);
        entry.class = PULL_THROTTLED;
        assert_int_equal(heal_queue_add(queue, &entry, last_ms + 1, 0), HEAL_QUEUE_STALE);
        entry.class = PULL_ABSENT; /* it fails at once, whenever it is tried */
        assert_int_equal(heal_queue_add(queue, &entry, last_ms + 1, 0), 0);
        assert_comes(queue, last_ms + 1000000, "web");
        heal_queue_free(queue);
    }
}

/* What comes too late is not waited for. */
static void test_what_is_too_late_costs_nothing(void **state)
{
    char name[16];
    struct heal_entry entry;

    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "old%d", i);
        entry = unreachable(name, 0, 1);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    }
    entry = unreachable("new", 8001, 1);
    assert_int_equal(heal_queue_add(*state, &entry, 8001, 0), 0);
    assert_comes(*state, 8001, "new");
    assert_int_equal(heal_queue_take_stale(*state), 100);
    assert_int_equal(heal_queue_length(*state), 1);
}

static void test_a_new_report_renews(void **state)
{
    struct heal_entry entry = unreachable("web", 0, 1);
    uint64_t wait_ms;
    const struct heal_entry *got;

    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    entry = unreachable("web", 7000, 2);
    entry.class = PULL_THROTTLED;
    assert_int_equal(heal_queue_add(*state, &entry, 7000, 0), HEAL_QUEUE_KNOWN);
    entry = unreachable("web", 6000, 9); /* an older one says nothing */
    assert_int_equal(heal_queue_add(*state, &entry, 7000, 0), HEAL_QUEUE_KNOWN);
    got = heal_queue_next(*state, 25000, &wait_ms);
    assert_non_null(got);
    assert_int_equal(got->class, PULL_THROTTLED);
    assert_int_equal(got->failed_ms, 7000);
    assert_int_equal(got->failures, 2);
}

/* It is read without a lock. */
static void test_what_is_looked_at_stays_as_it_is(void **state)
{
    struct heal_entry entry = unreachable("web", 0, 1);
    uint64_t wait_ms;
    const struct heal_entry *got;

    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    for (int i = 0; i < 6; i++) { /* as often as it may come */
        got = heal_queue_next(*state, (uint64_t)i * 3000, &wait_ms);
        assert_non_null(got);
        entry = unreachable("web", (uint64_t)i * 3000 + 1, 1);
        assert_int_equal(heal_queue_add(*state, &entry, (uint64_t)i * 3000 + 1, 0),
                         HEAL_QUEUE_KNOWN);
        assert_int_equal(got->failed_ms, i ? (i - 1) * 3000 + 1 : 0);
        assert_true(heal_queue_again(*state, (uint64_t)i * 3000 + 2, false));
    }
}

static void test_of_slow_failures_the_last_comes_first(void **state)
{
    const struct heal_entry entries[] = {unreachable("first", 100, 1), unreachable("last", 300, 1),
                                         unreachable("second", 200, 1)};

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(heal_queue_add(*state, &entries[i], 300, 0), 0);
    assert_comes(*state, 300, "last");
    heal_queue_done(*state);
    assert_comes(*state, 350, "second");
    heal_queue_done(*state);
    assert_comes(*state, 400, "first");
}

/* Those that fail at once keep their turn among those that don't. */
static void test_of_fast_failures_the_first_comes_first(void **state)
{
    const struct heal_entry entries[] = {of_container("a"), unreachable("slow", 0, 1),
                                         of_container("b"), unreachable("slower", 1, 1)};
    static const char *const want[] = {"a", "slower", "b", "slow"};

    for (size_t i = 0; i < 4; i++)
        assert_int_equal(heal_queue_add(*state, &entries[i], 1, 0), 0);
    for (uint64_t i = 0; i < 4; i++) {
        assert_comes(*state, 1000 + i * 50, want[i]);
        heal_queue_done(*state);
    }
}

static void test_namespaces_take_turns(void **state)
{
    struct heal_entry entry = of_namespace("shop", "good");

    add_many(*state, "bad", 600, 0);
    assert_comes(*state, 0, "c0");
    assert_true(heal_queue_again(*state, 0, false)); /* behind its own, and not before others */
    assert_int_equal(heal_queue_add(*state, &entry, 10, 0), 0);
    assert_comes(*state, 1000, "c1");
    assert_true(heal_queue_again(*state, 1000, false));
    assert_comes(*state, 2000, "good");
    assert_true(heal_queue_again(*state, 2000, false));
    assert_comes(*state, 3000, "c2");
    heal_queue_done(*state);
    assert_comes(*state, 4000, "good");
}

/* One look lasts longer than what lies between two, so both kinds are due each time. */
static void test_kinds_take_turns(void **state)
{
    struct heal_entry entry = of_namespace("shop", "healed");

    entry.look = HEAL_LOOK_HEALED;
    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    entry = of_namespace("shop", "other");
    entry.look = HEAL_LOOK_HEALED;
    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    add_many(*state, "bad", 600, 0);
    for (uint64_t now_ms = HEAL_QUEUE_LATER_MS; heal_queue_length(*state) > 598; now_ms += 1000) {
        const struct heal_entry *first, *second;
        uint64_t wait_ms;

        first = heal_queue_next(*state, now_ms, &wait_ms);
        assert_non_null(first);
        assert_true(first->look == HEAL_LOOK_REPORTED);
        heal_queue_done(*state);
        second = heal_queue_next(*state, now_ms + 500, &wait_ms);
        assert_non_null(second);
        assert_true(second->look == HEAL_LOOK_HEALED);
        heal_queue_done(*state);
    }
}

static void test_who_has_most_makes_room(void **state)
{
    char name[16];

    add_many(*state, "bad", HEAL_QUEUE_MAX, 0);
    assert_comes(*state, 0, "c0"); /* which stays while it is looked at */
    add_many(*state, "shop", 10, HEAL_QUEUE_INSTEAD);
    add_many(*state, "worse", 10, HEAL_QUEUE_INSTEAD);
    add_many(*state, "bad", 10, HEAL_QUEUE_KNOWN);
    for (int i = 0; i < 10; i++) {
        struct heal_entry entry;

        (void)snprintf(name, sizeof(name), "more%d", i);
        entry = of_namespace("bad", name);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), HEAL_QUEUE_FULL);
    }
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX);
    heal_queue_done(*state);
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX - 1);
}

static void test_what_is_late_makes_room(void **state)
{
    struct heal_entry entry = unreachable("late", 0, 1);

    assert_int_equal(heal_queue_add(*state, &entry, 0, 0), 0);
    add_many(*state, "shop", HEAL_QUEUE_MAX - 1, 0);
    entry = of_container("new");
    assert_int_equal(heal_queue_add(*state, &entry, 8000, 0), HEAL_QUEUE_FULL);
    assert_int_equal(heal_queue_add(*state, &entry, 8001, 0), HEAL_QUEUE_INSTEAD);
}

static struct heal_entry told_again(const char *namespace, const char *container)
{
    struct heal_entry entry = of_namespace(namespace, container);

    entry.replayed = true;
    return entry;
}

static void test_what_is_told_again_has_every_fourth_look(void **state)
{
    static const char *const want[] = {"other", "c0", "c1",    "old", "c2",
                                       "c3",    "c4", "older", "c5",  "c6"};
    struct heal_entry old = told_again("shop", "old"), older = told_again("shop", "older");
    struct heal_entry other = told_again("shop", "other");

    assert_int_equal(heal_queue_add(*state, &old, 0, 0), 0);
    assert_int_equal(heal_queue_add(*state, &older, 0, 0), 0);
    assert_int_equal(heal_queue_add(*state, &other, 0, 0), 0);
    other.replayed = false; /* and now it is news */
    other.failed_ms = 1;
    assert_int_equal(heal_queue_add(*state, &other, 1, 0), HEAL_QUEUE_KNOWN);
    add_many(*state, "bad", 7, 0);
    for (uint64_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_comes(*state, 1000 + i * 50, want[i]);
        heal_queue_done(*state);
    }
    assert_int_equal(heal_queue_length(*state), 0);
}

/* Neither a flood nor what a namespace has had in the last hour takes it from others. */
static void test_what_is_told_again_has_half_of_the_room(void **state)
{
    struct heal_entry old = told_again("shop", "old"), more = told_again("shop", "more");
    char name[16];

    assert_int_equal(heal_queue_add(*state, &old, 0, 0), 0);
    for (int i = 0; i < HEAL_QUEUE_MAX; i++) {
        struct heal_entry entry;

        (void)snprintf(name, sizeof(name), "r%d", i);
        entry = told_again("bad", name);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0),
                         i < HEAL_QUEUE_MAX / 2 - 1 ? 0 : HEAL_QUEUE_FULL);
    }
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX / 2);
    add_many(*state, "bad", HEAL_QUEUE_MAX / 2, 0);
    for (int i = 0; i < HEAL_QUEUE_MAX; i++) {
        struct heal_entry entry;

        (void)snprintf(name, sizeof(name), "n%d", i);
        entry = of_namespace("bad", name);
        assert_int_equal(heal_queue_add(*state, &entry, 0, 0), HEAL_QUEUE_FULL);
    }
    assert_int_equal(heal_queue_add(*state, &more, 0, 0), HEAL_QUEUE_INSTEAD);
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX);
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t wait_ms;

        if (i == 3 || i == 15)
            assert_comes(*state, 1000 + i * 50, i == 3 ? "old" : "more");
        else
            assert_non_null(heal_queue_next(*state, 1000 + i * 50, &wait_ms));
        heal_queue_done(*state);
    }
}

/* The half that they don't use is for all. */
static void test_what_is_told_again_has_room_in_a_flood(void **state)
{
    struct heal_entry old = told_again("shop", "old");

    add_many(*state, "bad", HEAL_QUEUE_MAX, 0);
    assert_int_equal(heal_queue_add(*state, &old, 0, 0), HEAL_QUEUE_INSTEAD);
    assert_int_equal(heal_queue_length(*state), HEAL_QUEUE_MAX);
    old = of_namespace("bad", "more");
    assert_int_equal(heal_queue_add(*state, &old, 0, 0), HEAL_QUEUE_FULL);
}

/* An outage: pods that are stuck at the same moment, and a kubelet each, which tells of each
 * attempt that failed. */
struct stuck {
    char name[24];
    uint64_t next_ms; /* it tries again */
    uint64_t healed_ms;
    unsigned failures;
};

static void report_failures(struct heal_queue *queue, struct stuck *pods, size_t n,
                            enum pull_class class, uint64_t lasts_ms, uint64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct heal_entry entry;
        uint64_t backoff_ms = 10000;

        if (pods[i].healed_ms || now_ms < pods[i].next_ms + lasts_ms)
            continue;
        for (unsigned times = 0; times < pods[i].failures; times++)
            backoff_ms *= 2;
        pods[i].next_ms = now_ms + (backoff_ms < 300000 ? backoff_ms : 300000);
        pods[i].failures++;
        entry = of_container(pods[i].name);
        entry.class = class;
        entry.failed_ms = now_ms;
        entry.failures = pods[i].failures;
        (void)heal_queue_add(queue, &entry, now_ms, (uint32_t)i * 7919);
    }
}

/* How long until the last of them is healed. None is while its node tries it. */
static uint64_t outage(size_t n, enum pull_class class, uint64_t lasts_ms)
{
    struct heal_queue *queue = heal_queue_new();
    struct stuck *pods = test_calloc(n, sizeof(*pods));
    size_t healed = 0;
    uint64_t now_ms = 1;

    for (size_t i = 0; i < n; i++)
        (void)snprintf(pods[i].name, sizeof(pods[i].name), "%zu", i);
    for (; healed < n; now_ms += 50) {
        uint64_t wait_ms;
        const struct heal_entry *entry;

        assert_true(now_ms < 24ULL * 3600 * 1000);
        report_failures(queue, pods, n, class, lasts_ms, now_ms);
        entry = heal_queue_next(queue, now_ms, &wait_ms);
        if (entry) {
            struct stuck *pod = &pods[strtoul(entry->container.ptr, NULL, 10)];

            assert_int_equal(pod->healed_ms, 0);
            assert_true(lasts_ms == 0 || now_ms + HEAL_QUEUE_HEAL_MS <= pod->next_ms);
            heal_queue_heals(queue, now_ms);
            heal_queue_done(queue);
            pod->healed_ms = now_ms;
            healed++;
        }
    }
    test_free(pods);
    heal_queue_free(queue);
    return now_ms / 1000;
}

static void test_an_outage_of_many_pods(void **state)
{
    static const struct {
        size_t pods;
        enum pull_class class;
        uint64_t lasts_ms, most_s;
    } rows[] = {
        {150, PULL_ABSENT, 0, 31},
        {500, PULL_ABSENT, 0, 101},
        {1500, PULL_ABSENT, 0, 320},
        {150, PULL_UNREACHABLE, 0, 40},
        {500, PULL_UNREACHABLE, 0, 110},
        {1500, PULL_UNREACHABLE, 0, 320},
        {150, PULL_UNREACHABLE, 30000, 130},
        {500, PULL_UNREACHABLE, 30000, 240},
        {1500, PULL_UNREACHABLE, 30000, 480},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t took_s = outage(rows[i].pods, rows[i].class, rows[i].lasts_ms);

        print_message("%zu pods, %s, attempts of %d s: healed after %d s\n", rows[i].pods,
                      pull_class_name(rows[i].class), (int)(rows[i].lasts_ms / 1000), (int)took_s);
        assert_true(took_s <= rows[i].most_s);
        assert_true(took_s + 1 >= rows[i].pods / HEAL_QUEUE_HEALS_PER_SECOND);
    }
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
        QUEUE_TEST(test_no_more_looks_than_so_many_a_second),
        QUEUE_TEST(test_no_more_heals_than_so_many_a_second),
        cmocka_unit_test(test_it_can_be_too_late),
        QUEUE_TEST(test_what_is_too_late_costs_nothing),
        QUEUE_TEST(test_a_new_report_renews),
        QUEUE_TEST(test_what_is_looked_at_stays_as_it_is),
        QUEUE_TEST(test_of_slow_failures_the_last_comes_first),
        QUEUE_TEST(test_of_fast_failures_the_first_comes_first),
        QUEUE_TEST(test_namespaces_take_turns),
        QUEUE_TEST(test_kinds_take_turns),
        QUEUE_TEST(test_who_has_most_makes_room),
        QUEUE_TEST(test_what_is_late_makes_room),
        QUEUE_TEST(test_what_is_told_again_has_every_fourth_look),
        QUEUE_TEST(test_what_is_told_again_has_half_of_the_room),
        QUEUE_TEST(test_what_is_told_again_has_room_in_a_flood),
        cmocka_unit_test(test_an_outage_of_many_pods),
        QUEUE_TEST(test_a_flood_is_bounded),
        QUEUE_TEST(test_texts_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
