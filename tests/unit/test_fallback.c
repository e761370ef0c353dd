/*
 * What is turned away from the cache, when, and for how long: every threshold at its edge, a day
 * of a registry that comes and goes, a flood, and any order of events.
 */
#include "pullthrough/core/fallback/fallback.h"
#include "pullthrough/core/fallback/fallback_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, REMEMBER = 15 * MINUTE };

static const char hub[] = "dockercache", ghcr[] = "ghcrcache";

static struct fallback *make(int64_t remember_ms)
{
    return fallback_new(&(struct fallback_settings){.remember_ms = remember_ms});
}

static struct fallback_pull pull_of(enum pull_class class, const char *prefix, const char *image,
                                    const char *node, int64_t age_ms)
{
    return (struct fallback_pull){.class = class,
                                  .prefix = slice_str(prefix),
                                  .image = slice_str(image),
                                  .node = slice_str(node),
                                  .namespace = slice_str(node), /* unless it is said */
                                  .age_ms = age_ms};
}

static unsigned failed(struct fallback *fallback, enum pull_class class, const char *image,
                       const char *node, int64_t now_ms)
{
    struct fallback_pull pull = pull_of(class, hub, image, node, 0);

    pull.prefix = slice_of(image, (size_t)(strchr(image, '/') - image));
    return fallback_failure(fallback, &pull, now_ms);
}

static unsigned failed_own(struct fallback *fallback, enum pull_class class, const char *image,
                           int64_t now_ms)
{
    struct fallback_pull pull = pull_of(class, hub, image, "n1", 0);

    pull.own = true;
    pull.prefix = slice_of(image, (size_t)(strchr(image, '/') - image));
    return fallback_failure(fallback, &pull, now_ms);
}

static enum fallback_answer ask(const struct fallback *fallback, const char *prefix,
                                const char *image)
{
    struct fallback_table *table = fallback_table_new(fallback);
    enum fallback_answer answer = fallback_table_ask(table, slice_str(prefix), slice_str(image));

    fallback_table_unref(table);
    return answer;
}

static struct fallback_counts counts_of(const struct fallback *fallback)
{
    struct fallback_table *table = fallback_table_new(fallback);
    struct fallback_counts counts = fallback_table_counts(table);

    fallback_table_unref(table);
    return counts;
}

static unsigned settle(struct fallback *fallback, int64_t now_ms)
{
    int64_t next_ms;

    return fallback_settle(fallback, now_ms, &next_ms);
}

/* So many in a row at that moment; whatever followed from any of them. */
static unsigned probes(struct fallback *fallback, int n, bool good, int64_t now_ms)
{
    unsigned changed = 0;

    for (int i = 0; i < n; i++)
        changed |= fallback_probe(fallback, good, now_ms);
    return changed;
}

/* How long one failure turns its image away: the time after which it is over, and not before. */
static void test_one_image_by_class(void **state)
{
    static const struct {
        enum pull_class class;
        int64_t lasts_ms; /* 0: nothing happens */
    } rows[] = {
        {PULL_ABSENT, REMEMBER},      {PULL_REFUSED, REMEMBER},      {PULL_LOGIN, REMEMBER},
        {PULL_UNREACHABLE, REMEMBER}, {PULL_THROTTLED, 10 * MINUTE}, {PULL_OTHER, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        int64_t next_ms;

        assert_int_equal(failed(fallback, rows[i].class, "dockercache/a:1", "n1", 5),
                         rows[i].lasts_ms ? FALLBACK_IMAGE : 0);
        assert_int_equal(ask(fallback, hub, "dockercache/a:1"),
                         rows[i].lasts_ms ? FALLBACK_PULL_FAILED : FALLBACK_GO_ON);
        assert_int_equal(ask(fallback, hub, "dockercache/a:2"), FALLBACK_GO_ON);
        assert_int_equal(fallback_settle(fallback, 5, &next_ms), 0);
        assert_int_equal(next_ms, rows[i].lasts_ms ? rows[i].lasts_ms : -1);
        if (rows[i].lasts_ms) {
            assert_int_equal(settle(fallback, 5 + rows[i].lasts_ms - 1), 0);
            assert_int_equal(ask(fallback, hub, "dockercache/a:1"), FALLBACK_PULL_FAILED);
            assert_int_equal(settle(fallback, 5 + rows[i].lasts_ms), FALLBACK_ENDED);
        }
        assert_null(fallback_table_new(fallback));
        fallback_free(fallback);
    }
}

static void test_each_new_failure_doubles_up_to_six_hours(void **state)
{
    static const int minutes[] = {15, 30, 60, 120, 240, 360, 360};
    struct fallback *fallback = make(REMEMBER);
    int64_t now = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(minutes) / sizeof(minutes[0]); i++) {
        int64_t lasts = (int64_t)minutes[i] * MINUTE;

        assert_int_equal(failed(fallback, PULL_ABSENT, "dockercache/a", "n1", now), FALLBACK_IMAGE);
        /* Neither what is told again nor what fails again meanwhile makes it longer. */
        assert_int_equal(failed(fallback, PULL_REFUSED, "dockercache/a", "n2", now + lasts - 1), 0);
        assert_int_equal(settle(fallback, now + lasts - 1), 0);
        assert_int_equal(settle(fallback, now + lasts), FALLBACK_ENDED);
        now += lasts + HOUR; /* some time later a pod asks for it again */
    }
    fallback_free(fallback);
}

static void test_what_is_long_over_is_forgotten(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t next_ms, over = REMEMBER + FALLBACK_LONGEST_MS;

    (void)state;
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    assert_int_equal(settle(fallback, over - 1), FALLBACK_ENDED);
    assert_int_equal(failed(fallback, PULL_ABSENT, "dockercache/a", "n1", over - 1),
                     FALLBACK_IMAGE);
    (void)fallback_settle(fallback, over - 1, &next_ms);
    assert_int_equal(next_ms, 2 * REMEMBER);
    fallback_free(fallback);

    fallback = make(REMEMBER);
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    assert_int_equal(failed(fallback, PULL_ABSENT, "dockercache/a", "n1", over),
                     FALLBACK_IMAGE | FALLBACK_ENDED);
    (void)fallback_settle(fallback, over, &next_ms);
    assert_int_equal(next_ms, REMEMBER);
    fallback_free(fallback);
}

static void test_throttling_is_never_longer(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t next_ms;

    (void)state;
    for (int64_t now = 0; now < 4 * HOUR; now += 20 * MINUTE) {
        assert_true(failed(fallback, PULL_THROTTLED, "dockercache/a", "n1", now) & FALLBACK_IMAGE);
        (void)fallback_settle(fallback, now, &next_ms);
        assert_int_equal(next_ms, FALLBACK_THROTTLED_MS);
    }
    /* It didn't make the next failure's time longer either. */
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 4 * HOUR);
    (void)fallback_settle(fallback, 4 * HOUR, &next_ms);
    assert_int_equal(next_ms, REMEMBER);
    fallback_free(fallback);
}

static void test_settings_are_bounded(void **state)
{
    struct fallback *fallback = make((int64_t)48 * HOUR);
    int64_t next_ms;

    (void)state;
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    (void)fallback_settle(fallback, 0, &next_ms);
    assert_int_equal(next_ms, FALLBACK_LONGEST_MS);
    fallback_free(fallback);
}

/* A watch tells again what happened in the last hour. */
static void test_what_is_told_late_counts_from_when_it_was(void **state)
{
    static const struct {
        int64_t age_ms, left_ms;
    } rows[] = {
        {0, REMEMBER},
        {-5 * MINUTE, REMEMBER}, /* a clock that was put back */
        {INT64_MIN, REMEMBER},
        {REMEMBER - 1, 1},
        {REMEMBER, -1},
        {HOUR, -1},
        {FALLBACK_LONGEST_MS, -1},
        {INT64_MAX, -1}, /* a time that could not be read */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        struct fallback_pull pull =
            pull_of(PULL_ABSENT, hub, "dockercache/a", "n1", rows[i].age_ms);
        int64_t next_ms;

        assert_int_equal(fallback_failure(fallback, &pull, 10),
                         rows[i].left_ms > 0 ? FALLBACK_IMAGE : 0);
        assert_int_equal(fallback_settle(fallback, 10, &next_ms), 0);
        assert_int_equal(next_ms, rows[i].left_ms);
        fallback_free(fallback);
    }
}

static void test_what_is_told_again_does_not_double(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    struct fallback_pull again =
        pull_of(PULL_ABSENT, hub, "dockercache/a", "n1", REMEMBER + MINUTE);

    (void)state;
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    /* The watch broke, and begins anew when the image's time is over. */
    assert_int_equal(fallback_failure(fallback, &again, REMEMBER + MINUTE), FALLBACK_ENDED);
    assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_GO_ON);
    /* One that happened before its last second is no news either; one that may have happened after
     * it is, since an Event's time is that of the second which it happened in. */
    again.age_ms = MINUTE + FALLBACK_GRAIN_MS;
    assert_int_equal(fallback_failure(fallback, &again, REMEMBER + MINUTE), 0);
    again.age_ms = MINUTE + FALLBACK_GRAIN_MS - 1;
    assert_int_equal(fallback_failure(fallback, &again, REMEMBER + MINUTE), FALLBACK_IMAGE);
    fallback_free(fallback);
}

static void test_three_images_are_the_upstream(void **state)
{
    static const struct {
        const char *images[3];
        int64_t at[3];
        enum fallback_answer other; /* of another image of the upstream */
    } rows[] = {
        {{"dockercache/a", "dockercache/b", "dockercache/c"}, {0, 0, 0}, FALLBACK_PULL_FAILED},
        {{"dockercache/a", "dockercache/b", "dockercache/c"},
         {0, 1, 5 * MINUTE - 1},
         FALLBACK_PULL_FAILED},
        {{"dockercache/a", "dockercache/b", "dockercache/c"}, {0, 1, 5 * MINUTE}, FALLBACK_GO_ON},
        {{"dockercache/a", "dockercache/b", "dockercache/a"}, {0, 1, 2}, FALLBACK_GO_ON},
        {{"dockercache/a", "dockercache/b", NULL}, {0, 1, 0}, FALLBACK_GO_ON},
        /* prefixes that begin alike */
        {{"dockercache/a", "dockercache/b", "dockercache2/c"}, {0, 1, 2}, FALLBACK_GO_ON},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        unsigned changes = 0;

        for (size_t k = 0; k < 3 && rows[i].images[k]; k++) {
            const char *slash = strchr(rows[i].images[k], '/');
            struct fallback_pull pull = pull_of(PULL_REFUSED, hub, rows[i].images[k], "n1", 0);

            pull.prefix.ptr = rows[i].images[k];
            pull.prefix.len = (size_t)(slash - rows[i].images[k]);
            changes = fallback_failure(fallback, &pull, rows[i].at[k]);
        }
        assert_int_equal(!!(changes & FALLBACK_UPSTREAM), rows[i].other == FALLBACK_PULL_FAILED);
        assert_int_equal(ask(fallback, hub, "dockercache/other:1"), rows[i].other);
        assert_int_equal(ask(fallback, ghcr, "ghcrcache/other:1"), FALLBACK_GO_ON);
        fallback_free(fallback);
    }
}

/* Told late, it counts by when it was. */
static void test_an_image_told_late_is_of_another_time(void **state)
{
    (void)state;
    for (int64_t age = 5 * MINUTE - 1; age <= 5 * MINUTE; age++) {
        struct fallback *fallback = make(REMEMBER);
        struct fallback_pull late = pull_of(PULL_ABSENT, hub, "dockercache/c", "n1", age);

        (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 10 * MINUTE);
        (void)failed(fallback, PULL_ABSENT, "dockercache/b", "n1", 10 * MINUTE);
        assert_int_equal(fallback_failure(fallback, &late, 10 * MINUTE),
                         age < 5 * MINUTE ? FALLBACK_IMAGE | FALLBACK_UPSTREAM : FALLBACK_IMAGE);
        fallback_free(fallback);
    }
}

static void fail_three(struct fallback *fallback, const char *letters, int64_t now)
{
    char image[] = "dockercache/x";

    for (; *letters; letters++) {
        image[sizeof(image) - 2] = *letters;
        (void)failed(fallback, PULL_ABSENT, image, "n1", now);
    }
}

static void test_an_upstream_comes_back_and_goes_no_longer(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t now = REMEMBER;

    (void)state;
    fail_three(fallback, "abc", 0);
    assert_int_equal(counts_of(fallback).upstreams, 1);
    assert_int_equal(settle(fallback, now), FALLBACK_ENDED);
    assert_int_equal(ask(fallback, hub, "dockercache/other"), FALLBACK_GO_ON);
    /* The same three fail on (pods that nobody heals): they are turned away, the upstream isn't. */
    fail_three(fallback, "abc", now);
    assert_int_equal(counts_of(fallback).images, 3);
    assert_int_equal(counts_of(fallback).upstreams, 0);
    /* Others do: then it is, for no longer than before. */
    fail_three(fallback, "def", now + 1);
    assert_int_equal(counts_of(fallback).upstreams, 1);
    (void)settle(fallback, now + REMEMBER);
    assert_int_equal(counts_of(fallback).upstreams, 1);
    (void)settle(fallback, now + 1 + REMEMBER);
    assert_int_equal(counts_of(fallback).upstreams, 0);
    fallback_free(fallback);
}

/* What opens the registry at once: one letter a failure, the image; digits before it name the
 * node; capital letters are of classes that don't count. */
static void test_signs_that_the_registry_is_down(void **state)
{
    static const struct {
        const char *what;
        struct sign {
            enum pull_class class;
            const char *image, *node;
            int64_t at_ms, age_ms;
        } signs[4];
        bool opens; /* with the last one, and not before */
    } rows[] = {
        {"two nodes, one image",
         {{PULL_LOGIN, "dockercache/a", "n1", 0, 0}, {PULL_LOGIN, "dockercache/a", "n2", 1, 0}},
         true},
        {"two nodes, two classes, two images, two upstreams",
         {{PULL_UNREACHABLE, "dockercache/a", "n1", 0, 0},
          {PULL_LOGIN, "ghcrcache/b", "n2", 2 * MINUTE - 1, 0}},
         true},
        {"two nodes, too far apart",
         {{PULL_LOGIN, "dockercache/a", "n1", 0, 0},
          {PULL_LOGIN, "dockercache/a", "n2", 2 * MINUTE, 0}},
         false},
        {"one node, one image, again and again",
         {{PULL_LOGIN, "dockercache/a", "n1", 0, 0},
          {PULL_LOGIN, "dockercache/a", "n1", 1, 0},
          {PULL_LOGIN, "dockercache/a", "n1", 2, 0},
          {PULL_LOGIN, "dockercache/a", "n1", 3, 0}},
         false},
        {"one node, two images",
         {{PULL_UNREACHABLE, "dockercache/a", "n1", 0, 0},
          {PULL_UNREACHABLE, "dockercache/b", "n1", 1, 0}},
         false},
        {"one node, three images",
         {{PULL_UNREACHABLE, "dockercache/a", "n1", 0, 0},
          {PULL_UNREACHABLE, "dockercache/b", "n1", 1, 0},
          {PULL_UNREACHABLE, "ghcrcache/c", "n1", 2 * MINUTE - 1, 0}},
         true},
        {"one node, three images, the first too long ago",
         {{PULL_UNREACHABLE, "dockercache/a", "n1", 0, 0},
          {PULL_UNREACHABLE, "dockercache/b", "n1", 1, 0},
          {PULL_UNREACHABLE, "dockercache/c", "n1", 2 * MINUTE, 0}},
         false},
        {"one node, three images, the first seen again",
         {{PULL_UNREACHABLE, "dockercache/a", "n1", 0, 0},
          {PULL_UNREACHABLE, "dockercache/b", "n1", 1, 0},
          {PULL_UNREACHABLE, "dockercache/a", "n1", MINUTE, 0},
          {PULL_UNREACHABLE, "dockercache/c", "n1", 2 * MINUTE, 0}},
         true},
        {"no node is one, too",
         {{PULL_LOGIN, "dockercache/a", "", 0, 0}, {PULL_LOGIN, "dockercache/a", "n1", 0, 0}},
         true},
        {"told late, happened in time",
         {{PULL_LOGIN, "dockercache/a", "n1", 10 * MINUTE, 2 * MINUTE - 1},
          {PULL_LOGIN, "dockercache/a", "n2", 10 * MINUTE, 0}},
         true},
        {"told now, happened long ago",
         {{PULL_LOGIN, "dockercache/a", "n1", 10 * MINUTE, 2 * MINUTE},
          {PULL_LOGIN, "dockercache/a", "n2", 10 * MINUTE, 0}},
         false},
        {"the same the other way round",
         {{PULL_LOGIN, "dockercache/a", "n2", 10 * MINUTE, 0},
          {PULL_LOGIN, "dockercache/a", "n1", 10 * MINUTE, 2 * MINUTE}},
         false},
        {"absent and refused say nothing about the registry",
         {{PULL_ABSENT, "dockercache/a", "n1", 0, 0},
          {PULL_REFUSED, "dockercache/b", "n2", 1, 0},
          {PULL_THROTTLED, "dockercache/c", "n3", 2, 0},
          {PULL_OTHER, "dockercache/d", "n4", 3, 0}},
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        unsigned changes = 0;

        print_message("%s\n", rows[i].what);
        for (size_t k = 0; k < 4 && rows[i].signs[k].image; k++) {
            const struct sign *sign = &rows[i].signs[k];
            struct fallback_pull pull =
                pull_of(sign->class, hub, sign->image, sign->node, sign->age_ms);

            pull.prefix.len = (size_t)(strchr(sign->image, '/') - sign->image);
            pull.prefix.ptr = sign->image;
            assert_false(changes & FALLBACK_OPENED);
            changes = fallback_failure(fallback, &pull, sign->at_ms);
        }
        assert_int_equal(!!(changes & FALLBACK_OPENED), rows[i].opens);
        assert_int_equal(ask(fallback, "quaycache", "quaycache/x"),
                         rows[i].opens ? FALLBACK_REGISTRY_DOWN : FALLBACK_GO_ON);
        fallback_free(fallback);
    }
}

static void test_probes_open_and_close(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t now = 0;

    (void)state;
    /* Two, then a good one: nothing. */
    assert_int_equal(fallback_probe(fallback, false, now), 0);
    assert_int_equal(fallback_probe(fallback, false, now), 0);
    assert_int_equal(fallback_probe(fallback, true, now), 0);
    assert_int_equal(fallback_probe(fallback, false, now), 0);
    assert_int_equal(fallback_probe(fallback, false, now), 0);
    assert_int_equal(fallback_probe(fallback, false, now), FALLBACK_OPENED);
    assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_REGISTRY_DOWN);
    assert_int_equal(counts_of(fallback).open_since_ms, now);
    now += 10 * MINUTE;
    assert_int_equal(probes(fallback, 4, true, now), 0);
    assert_int_equal(fallback_probe(fallback, false, now), 0);
    assert_int_equal(probes(fallback, 4, true, now), 0);
    assert_int_equal(fallback_probe(fallback, true, now), FALLBACK_CLOSED);
    assert_null(fallback_table_new(fallback));
    fallback_free(fallback);
}

/* Good probes from before it opened are not what closes it. */
static void test_probes_count_from_the_opening(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    for (int i = 0; i < 100; i++)
        (void)fallback_probe(fallback, true, i);
    (void)failed(fallback, PULL_LOGIN, "dockercache/a", "n1", 100);
    assert_true(failed(fallback, PULL_LOGIN, "ghcrcache/a", "n2", 100) & FALLBACK_OPENED);
    assert_int_equal(probes(fallback, 4, true, 2 * MINUTE), 0);
    assert_int_equal(fallback_probe(fallback, true, 2 * MINUTE), FALLBACK_CLOSED);
    fallback_free(fallback);
}

static void test_it_holds_for_a_minute(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t next_ms;

    (void)state;
    (void)probes(fallback, 3, false, 0);
    assert_int_equal(probes(fallback, 5, true, 10 * SECOND), 0);
    assert_int_equal(fallback_settle(fallback, 10 * SECOND, &next_ms), 0);
    assert_int_equal(next_ms, 50 * SECOND);
    assert_int_equal(settle(fallback, MINUTE - 1), 0);
    assert_int_equal(settle(fallback, MINUTE), FALLBACK_CLOSED);
    /* What nodes said before is why it was open; what they say since waits for its minute. */
    {
        struct fallback_pull old = pull_of(PULL_LOGIN, hub, "dockercache/a", "n1", 1);

        (void)fallback_failure(fallback, &old, MINUTE);
        old.node = slice_str("n2");
        (void)fallback_failure(fallback, &old, MINUTE);
        assert_int_equal(fallback_settle(fallback, MINUTE, &next_ms), 0);
        assert_true(next_ms > 2 * MINUTE); /* the image's own time */
    }
    (void)failed(fallback, PULL_LOGIN, "dockercache/a", "n1", MINUTE + 1);
    (void)failed(fallback, PULL_LOGIN, "ghcrcache/a", "n2", MINUTE + 1);
    assert_int_equal(settle(fallback, 2 * MINUTE - 1), 0);
    assert_int_equal(settle(fallback, 2 * MINUTE), FALLBACK_OPENED);
    fallback_free(fallback);
}

/* A sign from before it was down is not half of what opens it again. */
static void test_signs_are_forgotten_when_it_changes(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    (void)failed(fallback, PULL_LOGIN, "dockercache/a", "n1", 0);
    (void)probes(fallback, 3, false, 1);
    (void)probes(fallback, 5, true, MINUTE);
    assert_int_equal(settle(fallback, MINUTE + 1), FALLBACK_CLOSED);
    assert_int_equal(failed(fallback, PULL_LOGIN, "dockercache/b", "n2", MINUTE + 2),
                     FALLBACK_IMAGE);
    assert_int_equal(settle(fallback, 2 * MINUTE + 1), 0);
    assert_int_equal(failed(fallback, PULL_LOGIN, "ghcrcache/b", "n1", 2 * MINUTE + 1),
                     FALLBACK_IMAGE | FALLBACK_OPENED);
    fallback_free(fallback);
}

/* One sick node of many is not the registry, as long as it answers probes. */
static void test_signs_while_probes_are_answered(void **state)
{
    static const struct {
        const char *what;
        struct {
            const char *image, *node;
            int64_t at_ms;
        } signs[4];
        bool probed, opens; /* with the last one, and not before */
    } rows[] = {
        {"one node, four images of two upstreams",
         {{"dockercache/a", "n1", 0},
          {"ghcrcache/b", "n1", 1},
          {"dockercache/c", "n1", 2},
          {"ghcrcache/d", "n1", 3}},
         true,
         false},
        {"two nodes, one upstream",
         {{"dockercache/a", "n1", 0}, {"dockercache/b", "n2", 1}, {"dockercache/c", "n3", 2}},
         true,
         false},
        {"two nodes, two upstreams",
         {{"dockercache/a", "n1", 0}, {"ghcrcache/b", "n2", 1}},
         true,
         true},
        {"two nodes, two upstreams, one of each",
         {{"dockercache/a", "n1", 0}, {"dockercache/a", "n2", 1}, {"ghcrcache/b", "n1", 2}},
         true,
         true},
        {"the other node's too long ago",
         {{"dockercache/a", "n1", 0}, {"ghcrcache/b", "n2", 2 * MINUTE}},
         true,
         false},
        {"the last probe was not answered",
         {{"dockercache/a", "n1", 0}, {"dockercache/a", "n2", 1}},
         false,
         true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        unsigned changes = 0;

        print_message("%s\n", rows[i].what);
        (void)fallback_probe(fallback, true, 0);
        (void)fallback_probe(fallback, rows[i].probed, 0);
        for (size_t k = 0; k < 4 && rows[i].signs[k].image; k++) {
            assert_false(changes & FALLBACK_OPENED);
            changes = failed(fallback, PULL_UNREACHABLE, rows[i].signs[k].image,
                             rows[i].signs[k].node, rows[i].signs[k].at_ms);
        }
        assert_int_equal(!!(changes & FALLBACK_OPENED), rows[i].opens);
        fallback_free(fallback);
    }
}

static unsigned failed_in(struct fallback *fallback, const char *namespace, const char *prefix,
                          const char *node)
{
    char image[32] = "";
    struct fallback_pull pull = pull_of(PULL_UNREACHABLE, prefix, image, node, 0);

    (void)snprintf(image, sizeof(image), "%s/a", prefix);
    pull.image = slice_str(image);
    pull.namespace = slice_str(namespace);
    return fallback_failure(fallback, &pull, 1) & FALLBACK_OPENED;
}

/* Who may write Events in a namespace, or make pods there, decides nothing alone; the same image
 * and node of another's count beside his. */
static void test_signs_of_one_namespace(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    assert_false(failed_in(fallback, "evil", hub, "n1"));
    assert_false(failed_in(fallback, "evil", ghcr, "n2"));
    assert_false(failed_in(fallback, "evil", "quaycache", "n3"));
    assert_true(failed_in(fallback, "shop", hub, "n1"));
    fallback_free(fallback);
    fallback = make(REMEMBER);
    assert_false(failed_in(fallback, "evil", hub, "n1"));
    assert_true(failed_in(fallback, "evil", hub, "n2")); /* nobody says that it answers */
    fallback_free(fallback);
}

/* What one node said is enough as soon as probes say the same. */
static void test_signs_and_then_a_probe_that_fails(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    for (int i = 0; i < 3; i++) {
        const char *const images[] = {"dockercache/a", "dockercache/b", "ghcrcache/c"};

        assert_int_equal(failed(fallback, PULL_UNREACHABLE, images[i], "n1", 1), FALLBACK_IMAGE);
    }
    assert_int_equal(fallback_probe(fallback, false, 2), FALLBACK_OPENED);
    fallback_free(fallback);
}

/* More signs than are kept: the newest count. */
static void test_many_signs_of_one_node(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    char image[] = "dockercache/a";

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    for (int i = 0; i < 2 * FALLBACK_SIGNS_MAX; i++) {
        image[sizeof(image) - 2] = (char)('a' + i);
        assert_false(failed(fallback, PULL_LOGIN, image, "n1", i) & FALLBACK_OPENED);
    }
    assert_true(failed(fallback, PULL_LOGIN, "ghcrcache/a", "n2", 100) & FALLBACK_OPENED);
    fallback_free(fallback);
}

/* It may be the way from here that is broken: then nobody would ever close it. */
static void test_an_hour_of_nothing_but_failed_probes(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t now, begun;

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    for (now = 0; now < 3; now++)
        assert_int_equal(fallback_probe(fallback, false, now), now < 2 ? 0 : FALLBACK_OPENED);
    begun = --now;
    /* An answer, and what a node says, is more than that. */
    while ((now += 10 * SECOND) < begun + 50 * MINUTE)
        assert_int_equal(fallback_probe(fallback, false, now), 0);
    (void)fallback_probe(fallback, true, now);
    begun = now;
    while ((now += 10 * SECOND) < begun + 50 * MINUTE)
        assert_int_equal(fallback_probe(fallback, false, now), 0);
    (void)failed(fallback, PULL_LOGIN, "dockercache/a", "n1", now);
    begun = now;
    while ((now += 10 * SECOND) < begun + HOUR)
        assert_int_equal(fallback_probe(fallback, false, now) & ~(unsigned)FALLBACK_ENDED, 0);
    assert_int_equal(ask(fallback, hub, "dockercache/z"), FALLBACK_REGISTRY_DOWN);
    assert_int_equal(fallback_probe(fallback, false, now), FALLBACK_CLOSED | FALLBACK_BLIND);
    assert_int_equal(ask(fallback, hub, "dockercache/z"), FALLBACK_GO_ON);
    fallback_free(fallback);
}

/* An image that its upstream doesn't give goes to the cache, whatever is turned away. */
static void test_an_own_name_that_fails(void **state)
{
    static const struct {
        enum pull_class class;
        bool counts;
    } rows[] = {{PULL_ABSENT, true},      {PULL_REFUSED, true},    {PULL_LOGIN, true},
                {PULL_UNREACHABLE, true}, {PULL_THROTTLED, false}, {PULL_OTHER, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        enum fallback_answer failed_own_name =
            rows[i].counts ? FALLBACK_GO_ON : FALLBACK_PULL_FAILED;

        fail_three(fallback, "abc", 0);
        assert_int_equal(failed_own(fallback, rows[i].class, "dockercache/a", MINUTE),
                         rows[i].counts ? FALLBACK_IMAGE : 0);
        assert_int_equal(ask(fallback, hub, "dockercache/a"), failed_own_name); /* its entry ends */
        assert_int_equal(ask(fallback, hub, "dockercache/b"), FALLBACK_PULL_FAILED);
        assert_int_equal(failed_own(fallback, rows[i].class, "dockercache/z", MINUTE),
                         rows[i].counts ? FALLBACK_IMAGE : 0);
        assert_int_equal(ask(fallback, hub, "dockercache/z"), failed_own_name);
        for (int k = 0; k < 3; k++)
            (void)fallback_probe(fallback, false, MINUTE);
        assert_int_equal(ask(fallback, hub, "dockercache/z"),
                         rows[i].counts ? FALLBACK_GO_ON : FALLBACK_REGISTRY_DOWN);
        assert_int_equal(ask(fallback, hub, "dockercache/b"), FALLBACK_REGISTRY_DOWN);
        assert_int_equal(counts_of(fallback).away_images, rows[i].counts ? 2 : 3);
        assert_int_equal(counts_of(fallback).images, rows[i].counts ? 4 : 3);
        /* It has an end. */
        assert_int_equal(settle(fallback, MINUTE + REMEMBER), FALLBACK_ENDED | FALLBACK_CLOSED);
        assert_int_equal(counts_of(fallback).images, 0);
        fallback_free(fallback);
    }
}

static void test_three_own_names_out_of_reach(void **state)
{
    static const struct {
        const char *what;
        enum pull_class last;
        const char *images[3];
        int64_t at[3];
        bool back;
    } rows[] = {
        {"three",
         PULL_UNREACHABLE,
         {"dockercache/x", "dockercache/y", "dockercache/z"},
         {1, 2, 3},
         true},
        {"three, in five minutes",
         PULL_UNREACHABLE,
         {"dockercache/x", "dockercache/y", "dockercache/z"},
         {1, 2, 5 * MINUTE},
         true},
        {"three, in more",
         PULL_UNREACHABLE,
         {"dockercache/x", "dockercache/y", "dockercache/z"},
         {1, 2, 5 * MINUTE + 1},
         false},
        {"private ones",
         PULL_LOGIN,
         {"dockercache/x", "dockercache/y", "dockercache/z"},
         {1, 2, 3},
         false},
        {"one, thrice",
         PULL_UNREACHABLE,
         {"dockercache/x", "dockercache/x", "dockercache/x"},
         {1, 2, 3},
         false},
        {"of two upstreams",
         PULL_UNREACHABLE,
         {"dockercache/x", "ghcrcache/y", "dockercache/z"},
         {1, 2, 3},
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fallback *fallback = make(REMEMBER);
        unsigned changes = 0;

        print_message("%s\n", rows[i].what);
        fail_three(fallback, "abc", 0);
        assert_int_equal(ask(fallback, hub, "dockercache/q"), FALLBACK_PULL_FAILED);
        for (int k = 0; k < 3; k++) {
            assert_false(changes & FALLBACK_UPSTREAM);
            changes = failed_own(fallback, k < 2 ? PULL_UNREACHABLE : rows[i].last,
                                 rows[i].images[k], rows[i].at[k]);
        }
        assert_int_equal(!!(changes & FALLBACK_UPSTREAM), rows[i].back);
        assert_int_equal(ask(fallback, hub, "dockercache/q"),
                         rows[i].back ? FALLBACK_GO_ON : FALLBACK_PULL_FAILED);
        assert_int_equal(counts_of(fallback).away_upstreams, !rows[i].back);
        /* Its images that failed in the cache are still turned away, each until its own name fails.
         */
        assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_PULL_FAILED);
        /* Nor does the registry turn it away, but others. */
        for (int k = 0; k < 3; k++)
            (void)fallback_probe(fallback, false, rows[i].at[2]);
        assert_int_equal(ask(fallback, hub, "dockercache/q"),
                         rows[i].back ? FALLBACK_GO_ON : FALLBACK_REGISTRY_DOWN);
        assert_int_equal(ask(fallback, ghcr, "ghcrcache/q"), FALLBACK_REGISTRY_DOWN);
        fallback_free(fallback);
    }
}

/* Pods that asked for it by themselves, or before: whether the cache gives it is another question.
 */
static void test_an_own_name_that_nobody_was_sent_to(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    assert_int_equal(failed_own(fallback, PULL_LOGIN, "dockercache/a", 0), 0);
    assert_null(fallback_table_new(fallback));
    assert_int_equal(failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 1), FALLBACK_IMAGE);
    assert_int_equal(failed_own(fallback, PULL_LOGIN, "dockercache/b", 1), 0);
    assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_PULL_FAILED);
    fallback_free(fallback);
}

/* Three that fail in the cache don't take an upstream away again whose own names can't be reached.
 */
static void test_an_upstream_that_nodes_do_not_reach_stays(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    fail_three(fallback, "uvw", 0);
    for (const char *const *image =
             (const char *const[]){"dockercache/x", "dockercache/y", "dockercache/z", NULL};
         *image; image++)
        (void)failed_own(fallback, PULL_UNREACHABLE, *image, 0);
    fail_three(fallback, "abc", REMEMBER - 1);
    assert_int_equal(ask(fallback, hub, "dockercache/q"), FALLBACK_GO_ON);
    fail_three(fallback, "def", REMEMBER + SECOND);
    assert_int_equal(ask(fallback, hub, "dockercache/q"), FALLBACK_PULL_FAILED);
    fallback_free(fallback);
}

/* Neither way works, and each is tried all the time: where it goes changes ever more seldom. */
static void test_both_ways_fail_for_a_day(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t changed[2] = {-HOUR, -HOUR};
    unsigned n = 0;

    (void)state;
    for (int64_t now = 0; now < 24 * HOUR; now += 20 * SECOND) {
        bool own = ask(fallback, hub, "dockercache/a") == FALLBACK_PULL_FAILED;
        unsigned changes = own ? failed_own(fallback, PULL_LOGIN, "dockercache/a", now)
                               : failed(fallback, PULL_ABSENT, "dockercache/a", "n1", now);

        if (changes & FALLBACK_IMAGE) {
            assert_true(now - changed[own] >= REMEMBER);
            changed[own] = now;
            n++;
        }
    }
    assert_in_range(n, 2 * 5, 2 * 8); /* 15, 30, 60, 120, 240, 360, 360 minutes */
    fallback_free(fallback);
}

/* A watch tells again, in any order, what led to it. */
static void test_own_names_told_again(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct fallback *fallback = make(REMEMBER);

        for (int k = 0; k < 4; k++) {
            bool own = (k & 1) == order;
            struct fallback_pull pull =
                pull_of(PULL_LOGIN, hub, "dockercache/a", "n1", (own ? 1 : 3) * MINUTE);

            pull.own = own;
            (void)fallback_failure(fallback, &pull, 10 * MINUTE);
        }
        assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_GO_ON);
        assert_int_equal(settle(fallback, 9 * MINUTE + REMEMBER), FALLBACK_ENDED);
        assert_null(fallback_table_new(fallback));
        fallback_free(fallback);
    }
    /* An own name that failed before it was turned away is no reason to send it back. */
    {
        struct fallback *fallback = make(REMEMBER);
        struct fallback_pull pull = pull_of(PULL_LOGIN, hub, "dockercache/a", "n1", MINUTE);

        (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", HOUR);
        pull.own = true;
        assert_int_equal(fallback_failure(fallback, &pull, HOUR), 0);
        assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_PULL_FAILED);
        fallback_free(fallback);
    }
}

/* It goes to the cache, which isn't known to be well all the same. */
static void test_an_own_name_that_fails_makes_nothing_well(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    struct slice a = slice_str("dockercache/a"), prefix = slice_str(hub);

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    (void)failed_own(fallback, PULL_LOGIN, "dockercache/a", 10 * MINUTE);
    (void)settle(fallback, REMEMBER - 1);
    assert_false(fallback_is_well(fallback, prefix, a));
    (void)settle(fallback, REMEMBER);
    assert_true(fallback_is_well(fallback, prefix, a));
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", REMEMBER);
    assert_false(fallback_is_well(fallback, prefix, a));
    assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_GO_ON);
    fallback_free(fallback);
}

static bool is_ghcr(const void *context, struct slice prefix)
{
    return slice_is(prefix, context);
}

static void test_another_configuration(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    const struct fallback_settings settings = {.remember_ms = 20 * MINUTE};
    int64_t next_ms;

    (void)state;
    fail_three(fallback, "abc", 0);
    (void)failed(fallback, PULL_ABSENT, "ghcrcache/a", "n1", 0);
    (void)probes(fallback, 3, false, 0);
    assert_int_equal(fallback_configure(fallback, &settings, is_ghcr, ghcr), FALLBACK_ENDED);
    assert_int_equal(counts_of(fallback).images, 1);
    assert_int_equal(counts_of(fallback).upstreams, 0);
    assert_int_equal(ask(fallback, hub, "dockercache/a"), FALLBACK_REGISTRY_DOWN);
    assert_int_equal(fallback_configure(fallback, &settings, is_ghcr, ghcr), 0);
    (void)probes(fallback, 5, true, MINUTE);
    assert_int_equal(ask(fallback, ghcr, "ghcrcache/a"), FALLBACK_PULL_FAILED);
    (void)failed(fallback, PULL_ABSENT, "ghcrcache/b", "n1", REMEMBER);
    (void)fallback_settle(fallback, REMEMBER, &next_ms);
    assert_int_equal(next_ms, 20 * MINUTE);
    fallback_free(fallback);
}

/* An answer by another way counts no more than none. */
static void test_probes_that_are_forgotten(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    (void)fallback_probe(fallback, true, 0);
    fallback_forget_probes(fallback);
    assert_false(fallback_is_well(fallback, slice_str(hub), slice_str("dockercache/a")));
    (void)failed(fallback, PULL_LOGIN, "dockercache/a", "n1", 0);
    assert_true(failed(fallback, PULL_LOGIN, "dockercache/a", "n2", 0) & FALLBACK_OPENED);
    fallback_free(fallback);
}

/* Who probes may have died. */
static void test_an_open_registry_ends_without_news(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t next_ms;

    (void)state;
    (void)probes(fallback, 3, false, 0);
    assert_int_equal(fallback_probe(fallback, false, 10 * MINUTE), 0);
    assert_int_equal(fallback_settle(fallback, 24 * MINUTE, &next_ms), 0);
    assert_int_equal(next_ms, MINUTE);
    (void)failed(fallback, PULL_UNREACHABLE, "dockercache/a", "n1", 24 * MINUTE);
    assert_int_equal(settle(fallback, 39 * MINUTE - 1), 0);
    assert_int_equal(settle(fallback, 39 * MINUTE), FALLBACK_CLOSED | FALLBACK_ENDED);
    fallback_free(fallback);
}

static void test_what_is_known_to_be_well(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    struct slice a = slice_str("dockercache/a"), z = slice_str("dockercache/z"),
                 prefix = slice_str(hub);

    (void)state;
    assert_false(fallback_is_well(fallback, prefix, a)); /* nobody has looked */
    (void)fallback_probe(fallback, true, 0);
    assert_true(fallback_is_well(fallback, prefix, a));
    (void)failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0);
    assert_false(fallback_is_well(fallback, prefix, a));
    assert_true(fallback_is_well(fallback, prefix, z));
    fail_three(fallback, "bc", 0);
    assert_false(fallback_is_well(fallback, prefix, z));
    (void)settle(fallback, REMEMBER);
    assert_true(fallback_is_well(fallback, prefix, a));
    (void)fallback_probe(fallback, false, REMEMBER);
    assert_false(fallback_is_well(fallback, prefix, a));
    (void)fallback_probe(fallback, false, REMEMBER);
    (void)fallback_probe(fallback, false, REMEMBER);
    assert_false(fallback_is_well(fallback, prefix, a));
    fallback_free(fallback);
}

/* A clock that goes back stands still. */
static void test_a_clock_that_goes_back(void **state)
{
    struct fallback *fallback = make(REMEMBER);

    (void)state;
    (void)settle(fallback, HOUR);
    assert_int_equal(failed(fallback, PULL_ABSENT, "dockercache/a", "n1", 0), FALLBACK_IMAGE);
    assert_int_equal(settle(fallback, HOUR + REMEMBER - 1), 0);
    assert_int_equal(settle(fallback, HOUR + REMEMBER), FALLBACK_ENDED);
    fallback_free(fallback);
}

static void test_texts_out_of_bounds_change_nothing(void **state)
{
    static char text[FALLBACK_NAME_MAX + 1], node[FALLBACK_NODE_MAX + 1];
    struct fallback *fallback = make(REMEMBER);
    struct fallback_pull pull = pull_of(PULL_LOGIN, hub, "dockercache/a", "n1", 0);

    (void)state;
    memset(text, 'a', sizeof(text));
    memset(node, 'n', sizeof(node));
    pull.image = slice_of(text, sizeof(text));
    assert_int_equal(fallback_failure(fallback, &pull, 0), 0);
    pull.image.len--;
    assert_int_equal(fallback_failure(fallback, &pull, 0), FALLBACK_IMAGE);
    pull.image = slice_of(NULL, 0);
    assert_int_equal(fallback_failure(fallback, &pull, 0), 0);
    pull.image = slice_str("dockercache/b");
    pull.node = slice_of(node, sizeof(node));
    assert_int_equal(fallback_failure(fallback, &pull, 0), 0);
    pull.node.len--;
    pull.namespace = slice_of(node, FALLBACK_NAMESPACE_MAX + 1);
    assert_int_equal(fallback_failure(fallback, &pull, 0), 0);
    pull.namespace.len--;
    /* a second node, of as long a name as may be */
    assert_int_equal(fallback_failure(fallback, &pull, 0), FALLBACK_IMAGE | FALLBACK_OPENED);
    fallback_free(fallback);
}

static void test_table_shows_what_is_turned_away(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    struct fallback_table *table;
    struct fallback_counts counts;
    struct fallback_entry entry;

    (void)state;
    fail_three(fallback, "cba", 7);
    (void)failed(fallback, PULL_THROTTLED, "dockercache/long:tag", "n1", 8);
    table = fallback_table_new(fallback);
    counts = fallback_table_counts(table);
    assert_int_equal(counts.upstreams, 1);
    assert_int_equal(counts.images, 4);
    assert_false(counts.open);
    entry = fallback_table_entry(table, 0);
    assert_true(slice_is(entry.name, hub));
    entry = fallback_table_entry(table, 1);
    assert_true(slice_is(entry.name, "dockercache/a"));
    assert_int_equal(entry.class, PULL_ABSENT);
    assert_int_equal(entry.since_ms, 7);
    assert_int_equal(entry.until_ms, 7 + REMEMBER);
    entry = fallback_table_entry(table, 4);
    assert_true(slice_is(entry.name, "dockercache/long:tag"));
    assert_int_equal(entry.class, PULL_THROTTLED);
    assert_string_equal(pull_class_name(entry.class), "throttled");

    /* It stays as it is whatever becomes of the state, as long as somebody holds it. */
    assert_ptr_equal(fallback_table_ref(table), table);
    fallback_free(fallback);
    fallback_table_unref(table);
    assert_int_equal(fallback_table_ask(table, slice_str(ghcr), slice_str("dockercache/c")),
                     FALLBACK_PULL_FAILED);
    fallback_table_unref(table);
    assert_null(fallback_table_ref(NULL));
    fallback_table_unref(NULL);
    assert_int_equal(fallback_table_ask(NULL, slice_str(hub), slice_str("dockercache/c")),
                     FALLBACK_GO_ON);
    assert_int_equal(fallback_table_counts(NULL).images, 0);
    fallback_free(NULL);
}

/* The whole table, at its fullest: each entry is found, and what isn't there isn't. */
static void test_every_entry_of_a_full_table_is_found(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    struct fallback_table *table;
    char image[64], prefix[32];

    (void)state;
    for (int i = 0; i < FALLBACK_IMAGES_MAX; i++) {
        struct fallback_pull pull = pull_of(PULL_ABSENT, prefix, image, "n1", 0);

        (void)snprintf(prefix, sizeof(prefix), "p%d", i); /* so that no upstream goes */
        (void)snprintf(image, sizeof(image), "p%d/i%d", i, i * 7919 % 4096);
        pull.prefix = slice_str(prefix);
        pull.image = slice_str(image);
        assert_int_equal(fallback_failure(fallback, &pull, 0), FALLBACK_IMAGE);
    }
    table = fallback_table_new(fallback);
    assert_int_equal(fallback_table_counts(table).images, FALLBACK_IMAGES_MAX);
    for (int i = 0; i < FALLBACK_IMAGES_MAX; i++) {
        (void)snprintf(image, sizeof(image), "p%d/i%d", i, i * 7919 % 4096);
        assert_int_equal(fallback_table_ask(table, slice_str("p"), slice_str(image)),
                         FALLBACK_PULL_FAILED);
        image[0] = 'q';
        assert_int_equal(fallback_table_ask(table, slice_str("p"), slice_str(image)),
                         FALLBACK_GO_ON);
    }
    fallback_table_unref(table);
    fallback_free(fallback);
}

/* Any numbers, the same in each run (Knuth, The Art of Computer Programming, 3.3.4). */
static uint64_t numbers = 1;

static unsigned any(unsigned below)
{
    numbers = numbers * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(numbers >> 33) % below;
}

/* A registry that is there and away again in turns of seconds to minutes, probed every ten
 * seconds, with nodes that say what they see, for a day. */
static void test_a_day_of_a_flapping_registry(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    int64_t changed = -HOUR, turn = 0;
    unsigned changes_seen = 0;
    bool there = true;

    (void)state;
    for (int64_t now = 0; now < 24 * HOUR; now += SECOND) {
        unsigned changes = 0;

        if (now >= turn) {
            there = !there;
            turn = now + (1 + any(120)) * SECOND;
        }
        if (!there && any(20) == 0) {
            char image[] = "dockercache/a", node[] = "n1";

            image[sizeof(image) - 2] = (char)('a' + any(20));
            node[1] = (char)('1' + any(5));
            changes |= failed(fallback, any(2) ? PULL_UNREACHABLE : PULL_LOGIN, image, node, now);
        }
        if (now % (10 * SECOND) == 0)
            changes |= fallback_probe(fallback, there, now);
        changes |= settle(fallback, now);
        assert_int_not_equal(changes & (FALLBACK_OPENED | FALLBACK_CLOSED),
                             FALLBACK_OPENED | FALLBACK_CLOSED);
        if (changes & (FALLBACK_OPENED | FALLBACK_CLOSED)) {
            assert_true(now - changed >= MINUTE);
            changed = now;
            changes_seen++;
        }
    }
    assert_true(changes_seen > 100);
    fallback_free(fallback);
}

/* 5,000 events a second, each of another image, for half a minute: what is held stays the same, and
 * what had to go is counted. */
static void test_a_flood(void **state)
{
    struct fallback *fallback = make(REMEMBER);
    char image[64], prefix[16];
    uint64_t added = 0;

    (void)state;
    for (int64_t event = 0; event < 30 * 5000; event++) {
        struct fallback_pull pull = {.class = PULL_ABSENT, .node = slice_str("n1")};

        (void)snprintf(prefix, sizeof(prefix), "p%d", (int)(event % 40));
        (void)snprintf(image, sizeof(image), "%s/i%d", prefix, (int)event);
        pull.prefix = slice_str(prefix);
        pull.image = slice_str(image);
        added += (fallback_failure(fallback, &pull, event / 5) & FALLBACK_IMAGE) != 0;
        if (event % 5000 == 4999) {
            struct fallback_counts counts = counts_of(fallback);

            assert_int_equal(counts.images, FALLBACK_IMAGES_MAX);
            assert_int_equal(counts.upstreams, 40);
        }
    }
    assert_int_equal(added, 30 * 5000);
    assert_true(fallback_dropped(fallback) >= added - FALLBACK_IMAGES_MAX);
    /* The last ones are there, and the first are not. */
    assert_int_equal(ask(fallback, "none", image), FALLBACK_PULL_FAILED);
    assert_int_equal(ask(fallback, "none", "p0/i0"), FALLBACK_GO_ON);
    assert_int_equal(settle(fallback, 24 * HOUR), FALLBACK_ENDED);
    assert_null(fallback_table_new(fallback));
    fallback_free(fallback);
}

static void check_entries(const struct fallback *fallback, int64_t now)
{
    struct fallback_table *table = fallback_table_new(fallback);
    struct fallback_counts counts = fallback_table_counts(table);

    assert_true(counts.images <= FALLBACK_IMAGES_MAX);
    for (size_t i = 0; i < counts.images + counts.upstreams; i++) {
        struct fallback_entry entry = fallback_table_entry(table, i);

        assert_true(entry.until_ms > now);
        assert_true(entry.since_ms <= now);
        assert_true(entry.until_ms - entry.since_ms <= FALLBACK_LONGEST_MS);
        assert_int_not_equal(entry.class, PULL_OTHER);
    }
    fallback_table_unref(table);
}

/* Any events at any time, late and early: whatever is there has an end, which settle() names; and
 * when nothing fails any more, nothing is left. */
static void test_any_schedule(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct fallback *fallback = make((1 + any(60)) * MINUTE);
        int64_t now = any(1000), next_ms;

        for (int step = 0; step < 400; step++) {
            static const char *const prefixes[] = {"p1", "p2", "p3"};
            char image[16], node[8];
            struct fallback_pull pull;

            now += any(10) ? any(30 * SECOND) : any(3 * HOUR);
            (void)snprintf(image, sizeof(image), "%s/i%u", prefixes[any(3)], any(12));
            (void)snprintf(node, sizeof(node), "n%u", any(4));
            pull = pull_of(any(PULL_CLASS_COUNT), NULL, image, node, (int64_t)any(2 * HOUR) - HOUR);
            pull.prefix = slice_of(image, 2);
            pull.own = any(4) == 0;
            if (any(3))
                (void)fallback_failure(fallback, &pull, now);
            else
                (void)fallback_probe(fallback, any(2), now);
            check_entries(fallback, now);
        }
        /* From end to end, as settle() says, it comes to nothing. */
        for (int ends = 0; (void)fallback_settle(fallback, now, &next_ms), next_ms >= 0; ends++) {
            assert_true(next_ms > 0);
            assert_true(ends < 200);
            now += next_ms;
        }
        assert_null(fallback_table_new(fallback));
        fallback_free(fallback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_image_by_class),
        cmocka_unit_test(test_each_new_failure_doubles_up_to_six_hours),
        cmocka_unit_test(test_what_is_long_over_is_forgotten),
        cmocka_unit_test(test_throttling_is_never_longer),
        cmocka_unit_test(test_settings_are_bounded),
        cmocka_unit_test(test_what_is_told_late_counts_from_when_it_was),
        cmocka_unit_test(test_what_is_told_again_does_not_double),
        cmocka_unit_test(test_three_images_are_the_upstream),
        cmocka_unit_test(test_an_image_told_late_is_of_another_time),
        cmocka_unit_test(test_an_upstream_comes_back_and_goes_no_longer),
        cmocka_unit_test(test_signs_that_the_registry_is_down),
        cmocka_unit_test(test_probes_open_and_close),
        cmocka_unit_test(test_probes_count_from_the_opening),
        cmocka_unit_test(test_it_holds_for_a_minute),
        cmocka_unit_test(test_signs_are_forgotten_when_it_changes),
        cmocka_unit_test(test_signs_while_probes_are_answered),
        cmocka_unit_test(test_signs_of_one_namespace),
        cmocka_unit_test(test_signs_and_then_a_probe_that_fails),
        cmocka_unit_test(test_many_signs_of_one_node),
        cmocka_unit_test(test_an_hour_of_nothing_but_failed_probes),
        cmocka_unit_test(test_an_own_name_that_fails),
        cmocka_unit_test(test_three_own_names_out_of_reach),
        cmocka_unit_test(test_an_upstream_that_nodes_do_not_reach_stays),
        cmocka_unit_test(test_both_ways_fail_for_a_day),
        cmocka_unit_test(test_own_names_told_again),
        cmocka_unit_test(test_an_own_name_that_nobody_was_sent_to),
        cmocka_unit_test(test_an_own_name_that_fails_makes_nothing_well),
        cmocka_unit_test(test_another_configuration),
        cmocka_unit_test(test_probes_that_are_forgotten),
        cmocka_unit_test(test_an_open_registry_ends_without_news),
        cmocka_unit_test(test_what_is_known_to_be_well),
        cmocka_unit_test(test_a_clock_that_goes_back),
        cmocka_unit_test(test_texts_out_of_bounds_change_nothing),
        cmocka_unit_test(test_table_shows_what_is_turned_away),
        cmocka_unit_test(test_every_entry_of_a_full_table_is_found),
        cmocka_unit_test(test_a_day_of_a_flapping_registry),
        cmocka_unit_test(test_a_flood),
        cmocka_unit_test(test_any_schedule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
