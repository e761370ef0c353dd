/*
 * The rings with loops in threads of their own: every wish that was put in comes out once, whole
 * and in its loop's order. Run under ThreadSanitizer too.
 */
#include "pullthrough/app/cache/wish_rings.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/cache/image_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { LOOPS = 3, WISHES = 20000 };

static bool put(struct wish_rings *rings, unsigned loop, const char *repository, const char *tag,
                const char *digest)
{
    return wish_rings_put(rings, loop, (struct slice){0}, slice_str(repository), slice_str(tag),
                          slice_str(digest));
}

static void assert_wish(const struct wish *wish, const char *repository, const char *tag,
                        const char *digest)
{
    assert_true(slice_is(wish_repository(wish), repository));
    assert_true(slice_is(wish_tag(wish), tag));
    assert_true(slice_is(wish_digest(wish), digest));
}

static void test_what_goes_in_comes_out(void **state)
{
    struct wish_rings *rings = wish_rings_new(2);
    struct wish wish;

    (void)state;
    assert_false(wish_rings_take(rings, &wish));
    assert_true(put(rings, 0, "p/a", "1", ""));
    assert_true(put(rings, 0, "p/a", "1", "sha256:0"));
    assert_true(put(rings, 0, "p/a", "", "sha256:0"));
    assert_true(put(rings, 1, "p/b", "2", ""));
    /* the rings take turns */
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a", "1", "");
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/b", "2", "");
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a", "1", "sha256:0");
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a", "", "sha256:0");
    assert_false(wish_rings_take(rings, &wish));
    wish_rings_free(rings);
    wish_rings_free(NULL);
}

static void test_what_waits_already_waits_once(void **state)
{
    struct wish_rings *rings = wish_rings_new(1);
    struct wish wish;

    (void)state;
    for (int i = 0; i < 10 * WISH_RING_SLOTS; i++) {
        assert_true(put(rings, 0, "p/a", "1", ""));
        assert_true(put(rings, 0, "p/a1", "", "")); /* the same bytes, another image */
    }
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a", "1", "");
    assert_true(put(rings, 0, "p/a", "1", "")); /* it waits no more: so it comes again */
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a1", "", "");
    assert_true(wish_rings_take(rings, &wish));
    assert_wish(&wish, "p/a", "1", "");
    assert_false(wish_rings_take(rings, &wish));
    wish_rings_free(rings);
}

static void test_a_full_ring_takes_no_more(void **state)
{
    struct wish_rings *rings = wish_rings_new(2);
    struct wish wish;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2 * WISH_RING_SLOTS; i++) {
            STRBUF_CLEANUP struct strbuf tag = STRBUF_INIT(16);

            strbuf_add_format(&tag, "%d", i);
            assert_int_equal(put(rings, 0, "p/a", strbuf_str(&tag), ""), i < WISH_RING_SLOTS);
        }
        assert_true(put(rings, 1, "p/b", "1", "")); /* the other has room */
        for (int i = 0; i < WISH_RING_SLOTS + 1; i++)
            assert_true(wish_rings_take(rings, &wish));
        assert_false(wish_rings_take(rings, &wish));
    }
    wish_rings_free(rings);
}

/* A pod of thousands of images leaves room for those of others. */
static void test_a_namespace_gets_half_of_a_ring(void **state)
{
    struct wish_rings *rings = wish_rings_new(1);
    struct slice flood = slice_str("flood"), quiet = slice_str("quiet"), app = slice_str("p/a");
    struct wish wish;

    (void)state;
    for (int i = 0; i < 2 * WISH_RING_SLOTS; i++) {
        STRBUF_CLEANUP struct strbuf tag = STRBUF_INIT(16);

        strbuf_add_format(&tag, "%d", i);
        assert_int_equal(
            wish_rings_put(rings, 0, flood, app, strbuf_slice(&tag), (struct slice){0}),
            i < WISH_RING_SHARE);
    }
    assert_true(
        wish_rings_put(rings, 0, quiet, slice_str("p/b"), slice_str("1"), (struct slice){0}));
    assert_true(wish_rings_take(rings, &wish));
    assert_true(slice_equal(wish_namespace(&wish), flood));
    assert_true(wish_rings_put(rings, 0, flood, slice_str("p/b"), slice_str("2"),
                               (struct slice){0})); /* as far as it is emptied */
    wish_rings_free(rings);
}

static void test_the_longest_names(void **state)
{
    char longest[WISH_REPOSITORY_MAX + 2];
    struct wish_rings *rings = wish_rings_new(1);
    struct slice namespace, repository, tag, digest;
    struct wish wish;

    (void)state;
    memset(longest, 'x', sizeof(longest));
    namespace = slice_of(longest, WISH_NAMESPACE_MAX);
    repository = slice_of(longest, WISH_REPOSITORY_MAX);
    tag = slice_of(longest, WISH_TAG_MAX);
    digest = slice_of(longest, WISH_DIGEST_MAX);
    assert_true(wish_rings_put(rings, 0, namespace, repository, tag, digest));
    assert_true(wish_rings_take(rings, &wish));
    assert_true(slice_equal(wish_namespace(&wish), namespace));
    assert_true(slice_equal(wish_repository(&wish), repository));
    assert_true(slice_equal(wish_tag(&wish), tag));
    assert_true(slice_equal(wish_digest(&wish), digest));
    assert_false(wish_rings_put(rings, 0, slice_of(longest, WISH_NAMESPACE_MAX + 1), repository,
                                tag, digest));
    assert_false(wish_rings_put(rings, 0, namespace, slice_of(longest, WISH_REPOSITORY_MAX + 1),
                                tag, digest));
    assert_false(wish_rings_put(rings, 0, namespace, repository,
                                slice_of(longest, WISH_TAG_MAX + 1), digest));
    assert_false(wish_rings_put(rings, 0, namespace, repository, tag,
                                slice_of(longest, WISH_DIGEST_MAX + 1)));
    assert_false(wish_rings_take(rings, &wish));
    wish_rings_free(rings);
}

struct loop {
    struct wish_rings *rings;
    unsigned number;
    pthread_t thread;
};

/* "LOOP" as repository, the number of the wish as tag and, twice, as digest. */
static void *wish_for_all(void *context)
{
    const struct loop *loop = context;

    for (int i = 0; i < WISHES; i++) {
        STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(16), tag = STRBUF_INIT(16),
                                     digest = STRBUF_INIT(32);

        strbuf_add_format(&name, "%u", loop->number);
        strbuf_add_format(&tag, "%d", i);
        strbuf_add_format(&digest, "%d%d", i, i);
        while (!wish_rings_put(loop->rings, loop->number, (struct slice){0}, strbuf_slice(&name),
                               strbuf_slice(&tag), strbuf_slice(&digest)))
            (void)sched_yield();
    }
    return NULL;
}

static int number_of(struct slice text)
{
    int number = 0;

    for (size_t i = 0; i < text.len; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return number;
}

static void test_loops_that_wish_at_once(void **state)
{
    struct wish_rings *rings = wish_rings_new(LOOPS);
    struct loop loops[LOOPS];
    int next[LOOPS] = {0};

    (void)state;
    for (unsigned i = 0; i < LOOPS; i++) {
        loops[i] = (struct loop){.rings = rings, .number = i};
        assert_int_equal(pthread_create(&loops[i].thread, NULL, wish_for_all, &loops[i]), 0);
    }
    for (int taken = 0; taken < LOOPS * WISHES;) {
        STRBUF_CLEANUP struct strbuf digest = STRBUF_INIT(32);
        struct wish wish;
        int loop;

        if (!wish_rings_take(rings, &wish)) {
            (void)sched_yield();
            continue;
        }
        loop = number_of(wish_repository(&wish));
        assert_in_range(loop, 0, LOOPS - 1);
        assert_int_equal(number_of(wish_tag(&wish)), next[loop]);
        strbuf_add_format(&digest, "%d%d", next[loop], next[loop]);
        assert_true(slice_equal(wish_digest(&wish), strbuf_slice(&digest)));
        next[loop]++;
        taken++;
    }
    for (unsigned i = 0; i < LOOPS; i++)
        (void)pthread_join(loops[i].thread, NULL);
    wish_rings_free(rings);
}

enum { IMAGES = 3000, SET_MAX = 4 * LOOPS * IMAGES };

struct asker {
    struct wish_rings *rings;
    struct image_set *set;
    unsigned number;
    atomic_uint *ended; /* so many askers have */
    bool deceived;      /* the set had what nobody has put in */
    pthread_t thread;
};

/* An image after the other: it is wished for until the set has it. Each one is asked for by another
 * repository, too, which is never filled. */
static void *ask_for_all(void *context)
{
    struct asker *asker = context;

    for (int i = 0; i < IMAGES; i++) {
        STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(16), tag = STRBUF_INIT(16);

        strbuf_add_format(&name, "%u", asker->number);
        strbuf_add_format(&tag, "%d", i);
        while (!image_set_has(asker->set, strbuf_slice(&name), IMAGE_SET_TAG, strbuf_slice(&tag))) {
            (void)wish_rings_put(asker->rings, asker->number, slice_str("team"),
                                 strbuf_slice(&name), strbuf_slice(&tag), (struct slice){0});
            (void)sched_yield();
        }
        asker->deceived |=
            image_set_has(asker->set, slice_str("nobody's"), IMAGE_SET_TAG, strbuf_slice(&tag)) ||
            image_set_has(asker->set, strbuf_slice(&name), IMAGE_SET_DIGEST, strbuf_slice(&tag));
    }
    atomic_fetch_add(asker->ended, 1);
    return NULL;
}

/* What was asked for is put in; and beside it much comes and goes. */
static void fill(struct image_set *set, const struct wish *wish, uint32_t minute)
{
    const struct slice tag = wish_tag(wish), passing = slice_str("passing");

    image_set_add(set, passing, IMAGE_SET_TAG, tag, minute);
    image_set_add(set, wish_repository(wish), IMAGE_SET_TAG, tag, minute);
    image_set_add(set, passing, IMAGE_SET_DIGEST, tag, minute);
    if (minute % 3 == 0)
        image_set_drop(set, passing, IMAGE_SET_TAG, tag);
    if (minute % 100 == 0)
        image_set_sweep(set, passing, minute);
}

static void test_loops_that_ask_a_set(void **state)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = "0123456789abcde";
    struct wish_rings *rings = wish_rings_new(LOOPS);
    struct image_set *set = image_set_new(secret, SET_MAX);
    struct asker askers[LOOPS];
    atomic_uint ended = 0;
    uint32_t minute = 0;
    struct wish wish;

    (void)state;
    for (unsigned i = 0; i < LOOPS; i++) {
        askers[i] =
            (struct asker){.rings = rings, .set = image_set_ref(set), .number = i, .ended = &ended};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_for_all, &askers[i]), 0);
    }
    while (atomic_load(&ended) < LOOPS)
        if (wish_rings_take(rings, &wish))
            fill(set, &wish, ++minute);
        else
            (void)sched_yield();
    for (unsigned i = 0; i < LOOPS; i++) {
        (void)pthread_join(askers[i].thread, NULL);
        assert_false(askers[i].deceived);
        image_set_unref(askers[i].set);
    }
    image_set_unref(set);
    wish_rings_free(rings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes_in_comes_out),
        cmocka_unit_test(test_what_waits_already_waits_once),
        cmocka_unit_test(test_a_full_ring_takes_no_more),
        cmocka_unit_test(test_a_namespace_gets_half_of_a_ring),
        cmocka_unit_test(test_the_longest_names),
        cmocka_unit_test(test_loops_that_wish_at_once),
        cmocka_unit_test(test_loops_that_ask_a_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
