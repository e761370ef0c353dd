/*
 * Snapshots with readers in threads of their own: what they see is always whole and never older
 * than what they saw before, and what one of them holds lives on. Run under ThreadSanitizer too.
 */
#include "app/serve/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

enum { LOOPS = 3, SNAPSHOTS = 2000 };

/* One that turns away the image "p/NUMBER". */
static struct fallback_table *make_table(int number)
{
    STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(100);
    struct fallback *fallback =
        fallback_new(&(struct fallback_settings){.remember_ms = FALLBACK_MINUTE_MS});
    struct fallback_table *table;

    strbuf_add_format(&image, "p/%d", number);
    (void)fallback_failure(fallback,
                           &(struct fallback_pull){.class = PULL_ABSENT,
                                                   .prefix = slice_str("p"),
                                                   .image = strbuf_slice(&image)},
                           0);
    table = fallback_table_new(fallback);
    fallback_free(fallback);
    return table;
}

/* One that holds the image "p/i:NUMBER". */
static struct image_set *make_set(int number)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES];
    STRBUF_CLEANUP struct strbuf tag = STRBUF_INIT(20);
    struct image_set *set = image_set_new(secret, 1);

    strbuf_add_format(&tag, "%d", number);
    image_set_add(set, slice_str("p/i"), IMAGE_SET_TAG, strbuf_slice(&tag), 1);
    return set;
}

static struct snapshot *make_snapshot(struct metrics *metrics, int number)
{
    static struct config_upstream upstream = {
        .registry = "docker.io", .prefix = "dockercache", .enabled = true};
    struct config config = {.upstreams = &upstream, .n_upstreams = 1};
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(100), status = STRBUF_INIT(100);
    struct rule_set_facts facts;

    strbuf_add_format(&host, "host-%d.example", number);
    strbuf_add_format(&status, "%d", number);
    facts = (struct rule_set_facts){.host = strbuf_slice(&host)};
    return snapshot_new(rule_set_new(&config, &facts), make_table(number), make_set(number),
                        metrics, &status, SNAPSHOT_AWAITS_NOTHING);
}

static int number_of(const struct snapshot *snapshot)
{
    struct slice text = slice_str(snapshot->status);
    int number = 0;

    for (size_t i = 0; i < text.len; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return number;
}

struct reader {
    struct snapshots *snapshots;
    unsigned loop;
    bool torn, backwards;
    struct snapshot *first; /* held from beginning to end */
    pthread_t thread;
};

static bool is_whole(const struct snapshot *snapshot)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(100), image = STRBUF_INIT(100);

    strbuf_add_format(&host, "host-%d.example", number_of(snapshot));
    strbuf_add_format(&image, "p/%d", number_of(snapshot));
    return slice_equal(rule_set_host(snapshot->rules), strbuf_slice(&host)) &&
           image_set_has(snapshot->cached, slice_str("p/i"), IMAGE_SET_TAG,
                         slice_str(snapshot->status)) &&
           fallback_table_ask(snapshot->fallback, slice_str("p"), strbuf_slice(&image)) ==
               FALLBACK_PULL_FAILED;
}

static void *read_until_the_last(void *context)
{
    struct reader *reader = context;
    int last = 0;

    while (last < SNAPSHOTS) {
        const struct snapshot *snapshot = snapshots_current(reader->snapshots, reader->loop);

        if (!snapshot)
            continue;
        reader->torn |= !is_whole(snapshot);
        reader->backwards |= number_of(snapshot) < last;
        last = number_of(snapshot);
    }
    reader->torn |= !is_whole(reader->first);
    snapshot_unref(reader->first);
    return NULL;
}

static void test_readers_see_whole_snapshots_in_order(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct snapshots *snapshots = snapshots_new(LOOPS);
    struct snapshot *first = make_snapshot(metrics, 1);
    struct reader readers[LOOPS];

    (void)state;
    assert_null(snapshots_current(snapshots, 0));
    for (unsigned i = 0; i < LOOPS; i++) {
        readers[i] =
            (struct reader){.snapshots = snapshots, .loop = i, .first = snapshot_ref(first)};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_until_the_last, &readers[i]),
                         0);
    }
    snapshots_publish(snapshots, first);
    for (int number = 2; number <= SNAPSHOTS; number++)
        snapshots_publish(snapshots, make_snapshot(metrics, number));
    for (unsigned i = 0; i < LOOPS; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].torn);
        assert_false(readers[i].backwards);
    }
    snapshots_free(snapshots);
    metrics_free(metrics);
}

static void test_what_nobody_took_is_freed(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct snapshots *snapshots = snapshots_new(2);

    (void)state;
    snapshots_publish(snapshots, make_snapshot(metrics, 1));
    assert_int_equal(number_of(snapshots_current(snapshots, 1)), 1);
    snapshots_publish(snapshots, make_snapshot(metrics, 2));
    snapshots_publish(snapshots, make_snapshot(metrics, 3));
    assert_int_equal(number_of(snapshots_current(snapshots, 1)), 3);
    assert_int_equal(number_of(snapshots_current(snapshots, 1)), 3);
    snapshots_free(snapshots); /* the leak checker looks */
    metrics_free(metrics);
}

static void test_the_last_one_who_holds_it_frees(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct snapshots *snapshots = snapshots_new(2);
    struct snapshot *held = snapshot_ref(make_snapshot(metrics, 1));

    (void)state;
    snapshots_publish(snapshots, held);
    assert_int_equal(held->references.n, 3); /* ours, and one for each loop */
    assert_ptr_equal(snapshots_current(snapshots, 0), held);
    assert_int_equal(held->references.n, 3); /* it moved */
    snapshots_publish(snapshots, make_snapshot(metrics, 2));
    assert_int_equal(held->references.n, 2); /* loop 1 will never take it */
    assert_int_equal(number_of(snapshots_current(snapshots, 0)), 2);
    assert_int_equal(held->references.n, 1);
    snapshots_free(snapshots);
    assert_int_equal(number_of(held), 1);
    assert_true(is_whole(held));
    snapshot_unref(held); /* the leak checker looks */
    snapshot_unref(NULL);
    snapshots_free(NULL);
    metrics_free(metrics);
}

static void test_slots_of_upstreams(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct snapshot *snapshot = make_snapshot(metrics, 1);

    (void)state;
    assert_int_equal(snapshot_slot(snapshot, 0),
                     metrics_upstream_slot(metrics, slice_str("docker.io")));
    assert_int_equal(snapshot_slot(snapshot, -1), METRICS_OTHER);
    assert_int_equal(snapshot_slot(snapshot, 1), METRICS_OTHER);
    snapshot_unref(snapshot);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_see_whole_snapshots_in_order),
        cmocka_unit_test(test_what_nobody_took_is_freed),
        cmocka_unit_test(test_the_last_one_who_holds_it_frees),
        cmocka_unit_test(test_slots_of_upstreams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
