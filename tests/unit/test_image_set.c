/*
 * The set beside a naive one over random schedules; what makes room; and readers in threads of
 * their own beside the writer. Run under ThreadSanitizer too.
 */
#include "pullthrough/core/cache/image_set.h"

#include "core/cache/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#define NGINX slice_str("dockercache/library/nginx")
#define REDIS slice_str("dockercache/library/redis")

static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = {3, 1, 4, 1, 5, 9, 2, 6};

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

static struct slice name_of(char *bytes, size_t size, const char *start, unsigned number)
{
    return slice_of(bytes, (size_t)snprintf(bytes, size, "%s%u", start, number));
}

static bool has_tag(struct image_set *set, struct slice repository, const char *tag)
{
    return image_set_has(set, repository, IMAGE_SET_TAG, slice_str(tag));
}

static void add_tag(struct image_set *set, struct slice repository, const char *tag,
                    uint32_t minute)
{
    image_set_add(set, repository, IMAGE_SET_TAG, slice_str(tag), minute);
}

static size_t entries(const struct image_set *set)
{
    struct image_set_counts counts = image_set_counts(set);

    return counts.tags + counts.digests;
}

/* vectors.h of the reference implementation: key 00 01 .. 0f, input 00 01 .. */
static void test_the_hash_is_siphash(void **state)
{
    static const struct {
        size_t len;
        uint64_t hash;
    } vectors[] = {{0, 0x726fdb47dd0e0e31U},
                   {1, 0x74f839c593dc67fdU},
                   {8, 0x93f5f5799a932462U},
                   {15, 0xa129ca6149be45e5U}};
    uint8_t key[16];
    char text[16];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        key[i] = (uint8_t)i;
        text[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        assert_true(siphash(key, slice_of(text, vectors[i].len)) == vectors[i].hash);
}

static void test_it_holds_what_was_added(void **state)
{
    struct image_set *set = image_set_new(secret, 10);
    struct slice digest = slice_str("sha256:abc");

    (void)state;
    assert_false(has_tag(NULL, NGINX, "1"));
    assert_false(has_tag(set, NGINX, "1"));
    add_tag(set, NGINX, "1", 5);
    image_set_add(set, NGINX, IMAGE_SET_DIGEST, digest, 5);
    assert_true(has_tag(set, NGINX, "1"));
    assert_false(has_tag(set, REDIS, "1"));
    assert_false(has_tag(set, NGINX, "11"));
    assert_true(image_set_has(set, NGINX, IMAGE_SET_DIGEST, digest));
    assert_false(image_set_has(set, NGINX, IMAGE_SET_TAG, digest));
    add_tag(set, NGINX, "1", 6);
    assert_int_equal(image_set_counts(set).tags, 1);
    assert_int_equal(image_set_counts(set).digests, 1);
    image_set_drop(set, NGINX, IMAGE_SET_TAG, slice_str("1"));
    image_set_drop(set, NGINX, IMAGE_SET_TAG, slice_str("2"));
    assert_false(has_tag(set, NGINX, "1"));
    assert_int_equal(entries(set), 1);
    image_set_unref(image_set_ref(set));
    image_set_unref(set);
    image_set_unref(NULL);
    assert_int_equal(image_set_counts(NULL).tags, 0);
}

static void test_names_are_held_up_to_their_bounds(void **state)
{
    struct image_set *set = image_set_new(secret, 10);
    char bytes[IMAGE_SET_REPOSITORY_MAX + 1];
    struct slice longest = slice_of(bytes, IMAGE_SET_REPOSITORY_MAX);
    struct slice reference = slice_of(bytes, IMAGE_SET_REFERENCE_MAX);
    struct slice none = {0};

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    image_set_add(set, longest, IMAGE_SET_DIGEST, reference, 0);
    assert_true(image_set_has(set, longest, IMAGE_SET_DIGEST, reference));
    reference.len++;
    image_set_add(set, longest, IMAGE_SET_DIGEST, reference, 0);
    assert_false(image_set_has(set, longest, IMAGE_SET_DIGEST, reference));
    reference.len--;
    longest.len++;
    image_set_add(set, longest, IMAGE_SET_DIGEST, reference, 0);
    assert_false(image_set_has(set, longest, IMAGE_SET_DIGEST, reference));
    image_set_add(set, none, IMAGE_SET_TAG, reference, 0);
    image_set_add(set, NGINX, IMAGE_SET_TAG, none, 0);
    image_set_drop(set, NGINX, IMAGE_SET_TAG, none);
    assert_false(image_set_has(set, NGINX, IMAGE_SET_TAG, none));
    assert_int_equal(entries(set), 1);
    image_set_unref(set);
}

static void test_a_sweep_takes_what_a_listing_did_not_show(void **state)
{
    struct image_set *set = image_set_new(secret, 10);

    (void)state;
    add_tag(set, NGINX, "old", 4);
    add_tag(set, NGINX, "shown", 4);
    add_tag(set, REDIS, "old", 4);
    add_tag(set, NGINX, "shown", 5);
    image_set_sweep(set, NGINX, 5);
    assert_false(has_tag(set, NGINX, "old"));
    assert_true(has_tag(set, NGINX, "shown"));
    assert_true(has_tag(set, REDIS, "old"));
    image_set_unref(set);
}

static void test_digests_expire_and_tags_do_not(void **state)
{
    struct image_set *set = image_set_new(secret, 10);

    (void)state;
    add_tag(set, NGINX, "1", 1);
    image_set_add(set, NGINX, IMAGE_SET_DIGEST, slice_str("sha256:a"), 1);
    image_set_add(set, NGINX, IMAGE_SET_DIGEST, slice_str("sha256:b"), 2);
    image_set_expire_digests(set, 2);
    assert_true(has_tag(set, NGINX, "1"));
    assert_false(image_set_has(set, NGINX, IMAGE_SET_DIGEST, slice_str("sha256:a")));
    assert_true(image_set_has(set, NGINX, IMAGE_SET_DIGEST, slice_str("sha256:b")));
    image_set_unref(set);
}

/* Were the jump believed, the listing that follows it would be swept away as old. */
static void test_a_clock_that_jumps_back_stands_still(void **state)
{
    struct image_set *set = image_set_new(secret, 10);

    (void)state;
    add_tag(set, NGINX, "1", 1000);
    add_tag(set, NGINX, "2", 10);
    image_set_sweep(set, NGINX, 1000);
    assert_true(has_tag(set, NGINX, "1"));
    assert_true(has_tag(set, NGINX, "2"));
    image_set_unref(set);
}

static bool is_marked(const struct image_set *set, const uint8_t *map, struct slice repository)
{
    size_t bit = image_set_repository_bit(set, repository);

    return map[bit / 8] >> bit % 8 & 1;
}

static void test_repositories_in_use_are_marked_once(void **state)
{
    struct image_set *set = image_set_new(secret, 10);
    uint8_t map[IMAGE_SET_MAP_BYTES];

    (void)state;
    add_tag(set, NGINX, "1", 0);
    add_tag(set, REDIS, "7", 0);
    image_set_age(set, map);
    assert_false(is_marked(set, map, NGINX));
    assert_true(has_tag(set, NGINX, "1"));
    assert_false(has_tag(set, REDIS, "8"));
    image_set_age(set, map);
    assert_true(is_marked(set, map, NGINX));
    assert_false(is_marked(set, map, REDIS));
    image_set_age(set, map);
    assert_false(is_marked(set, map, NGINX));
    image_set_unref(set);
}

static void test_room_is_made_by_what_is_not_used(void **state)
{
    struct image_set *set = image_set_new(secret, 3);
    uint8_t map[IMAGE_SET_MAP_BYTES];

    (void)state;
    add_tag(set, NGINX, "used", 1);
    add_tag(set, NGINX, "old", 2);
    add_tag(set, NGINX, "new", 3);
    assert_true(has_tag(set, NGINX, "used"));
    for (int i = 0; i < IMAGE_SET_USED_AGES; i++)
        image_set_age(set, map);
    add_tag(set, NGINX, "a", 4);
    assert_true(has_tag(set, NGINX, "used"));
    assert_true(has_tag(set, NGINX, "new"));
    assert_false(has_tag(set, NGINX, "old"));
    for (int i = 0; i <= IMAGE_SET_USED_AGES + 1; i++)
        image_set_age(set, map);
    add_tag(set, NGINX, "b", 5); /* all are alike in use now, so the oldest goes */
    assert_false(has_tag(set, NGINX, "used"));
    assert_int_equal(image_set_counts(set).evicted, 2);
    assert_int_equal(entries(set), 3);
    image_set_unref(set);
}

/* The naive one: so small that a sample is all of it. */
enum { MODEL_MAX = 40, MODEL_REPOSITORIES = 5, MODEL_REFERENCES = 30 };

struct model {
    struct {
        bool held, used;
        uint32_t minute;
    } items[2][MODEL_REPOSITORIES][MODEL_REFERENCES];
    size_t n;
};

struct world {
    struct image_set *set;
    struct model model;
    uint64_t random;
    uint32_t minute;
};

struct pick {
    enum image_set_kind kind;
    unsigned repository, reference;
    char bytes[2][40];
    struct slice names[2];
};

static void pick(struct pick *pick, unsigned kind, unsigned repository, unsigned reference)
{
    pick->kind = kind ? IMAGE_SET_DIGEST : IMAGE_SET_TAG;
    pick->repository = repository;
    pick->reference = reference;
    pick->names[0] = name_of(pick->bytes[0], sizeof(pick->bytes[0]), "p/r", repository);
    pick->names[1] = name_of(pick->bytes[1], sizeof(pick->bytes[1]), "v", reference);
}

/* What went for the one that came: exactly one, that had to. */
static void assert_one_was_evicted(struct world *world, const struct pick *came,
                                   const struct image_set_counts *before)
{
    bool any_unused = false, gone_used = false;
    uint32_t oldest[2] = {UINT32_MAX, UINT32_MAX}, gone_minute = 0;
    unsigned gone = 0;

    assert_int_equal(image_set_counts(world->set).evicted, before->evicted + 1);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned r = 0; r < MODEL_REPOSITORIES; r++)
            for (unsigned v = 0; v < MODEL_REFERENCES; v++) {
                struct pick one;
                bool is_it = k == came->kind && r == came->repository && v == came->reference;
                bool used = world->model.items[k][r][v].used;
                uint32_t minute = world->model.items[k][r][v].minute;

                if (is_it || !world->model.items[k][r][v].held)
                    continue;
                any_unused |= !used;
                if (minute < oldest[used])
                    oldest[used] = minute;
                pick(&one, k, r, v);
                if (image_set_has(world->set, one.names[0], one.kind, one.names[1])) {
                    world->model.items[k][r][v].used = true;
                    continue;
                }
                gone++;
                gone_used = used;
                gone_minute = minute;
                world->model.items[k][r][v].held = false;
            }
    assert_int_equal(gone, 1);
    assert_int_equal(gone_used, !any_unused);
    assert_int_equal(gone_minute, oldest[gone_used]);
}

static void add_one(struct world *world, const struct pick *one)
{
    struct image_set_counts before = image_set_counts(world->set);
    bool was_held = world->model.items[one->kind][one->repository][one->reference].held;

    image_set_add(world->set, one->names[0], one->kind, one->names[1], world->minute);
    if (!was_held) {
        if (world->model.n == MODEL_MAX)
            assert_one_was_evicted(world, one, &before);
        else
            world->model.n++;
        world->model.items[one->kind][one->repository][one->reference].used = false;
    }
    world->model.items[one->kind][one->repository][one->reference].held = true;
    world->model.items[one->kind][one->repository][one->reference].minute = world->minute;
}

/* Of a repository, or of MODEL_REPOSITORIES all digests. */
static void let_go(struct world *world, unsigned repository, uint32_t since)
{
    for (unsigned k = 0; k < 2; k++)
        for (unsigned r = 0; r < MODEL_REPOSITORIES; r++)
            for (unsigned v = 0; v < MODEL_REFERENCES; v++)
                if (world->model.items[k][r][v].held &&
                    world->model.items[k][r][v].minute < since &&
                    (repository == MODEL_REPOSITORIES ? k == IMAGE_SET_DIGEST : r == repository)) {
                    world->model.items[k][r][v].held = false;
                    world->model.n--;
                }
}

static void step(struct world *world)
{
    uint32_t random = next_random(&world->random);
    uint32_t since = world->minute > 3 ? world->minute - random % 4 : 0;
    struct pick one;
    bool held;

    pick(&one, random >> 4 & 1, (random >> 5) % MODEL_REPOSITORIES,
         (random >> 9) % MODEL_REFERENCES);
    held = world->model.items[one.kind][one.repository][one.reference].held;
    switch (random % 16) {
    case 0: world->minute++; break;
    case 1:
        image_set_sweep(world->set, one.names[0], since);
        let_go(world, one.repository, since);
        break;
    case 2:
        image_set_expire_digests(world->set, since);
        let_go(world, MODEL_REPOSITORIES, since);
        break;
    case 3:
    case 4:
        image_set_drop(world->set, one.names[0], one.kind, one.names[1]);
        world->model.items[one.kind][one.repository][one.reference].held = false;
        world->model.n -= held;
        break;
    case 5:
    case 6:
    case 7:
        assert_int_equal(image_set_has(world->set, one.names[0], one.kind, one.names[1]), held);
        world->model.items[one.kind][one.repository][one.reference].used |= held;
        break;
    default: add_one(world, &one);
    }
    assert_int_equal(entries(world->set), world->model.n);
}

static void test_it_does_as_a_naive_one_does(void **state)
{
    (void)state;
    for (uint8_t seed = 1; seed <= 40; seed++) {
        uint8_t key[IMAGE_SET_SECRET_BYTES] = {seed};
        struct world world = {.set = image_set_new(key, MODEL_MAX), .random = seed};

        for (int i = 0; i < 3000; i++)
            step(&world);
        for (unsigned k = 0; k < 2; k++)
            for (unsigned r = 0; r < MODEL_REPOSITORIES; r++)
                for (unsigned v = 0; v < MODEL_REFERENCES; v++) {
                    struct pick one;

                    pick(&one, k, r, v);
                    assert_int_equal(image_set_has(world.set, one.names[0], one.kind, one.names[1]),
                                     world.model.items[k][r][v].held);
                }
        image_set_unref(world.set);
    }
}

/* A repository with many images, among others. */
static void test_a_full_set_stays_full(void **state)
{
    struct image_set *set = image_set_new(secret, SIZE_MAX);
    char bytes[40];
    unsigned held = 0;

    (void)state;
    for (unsigned i = 0; i < IMAGE_SET_MAX; i++)
        image_set_add(set, REDIS, IMAGE_SET_TAG, name_of(bytes, sizeof(bytes), "v", i), 1);
    for (unsigned i = 0; i < IMAGE_SET_MAX; i++)
        assert_true(
            image_set_has(set, REDIS, IMAGE_SET_TAG, name_of(bytes, sizeof(bytes), "v", i)));
    assert_int_equal(image_set_counts(set).evicted, 0);
    for (unsigned i = 0; i < 200000; i++)
        image_set_add(set, NGINX, IMAGE_SET_DIGEST, name_of(bytes, sizeof(bytes), "d", i), 2);
    assert_int_equal(entries(set), IMAGE_SET_MAX);
    assert_int_equal(image_set_counts(set).evicted, 200000);
    for (unsigned i = 0; i < IMAGE_SET_MAX; i++)
        held += image_set_has(set, REDIS, IMAGE_SET_TAG, name_of(bytes, sizeof(bytes), "v", i));
    assert_true(held > IMAGE_SET_MAX * 9 /
                           10); /* of those that were used a few go, where a sample has no other */
    image_set_unref(set);
}

enum { READERS = 3, TURNS = 20000, NAMES = 50 };

static atomic_bool stopped;

/* Nothing was ever added below REDIS. */
static void *read_on(void *context)
{
    struct image_set *set = image_set_ref(context);
    char bytes[40];
    size_t wrong = 0;

    for (unsigned i = 0; !atomic_load(&stopped); i++) {
        struct slice name = name_of(bytes, sizeof(bytes), "v", i % NAMES);

        (void)image_set_has(set, NGINX, IMAGE_SET_TAG, name);
        wrong += image_set_has(set, REDIS, IMAGE_SET_TAG, name) ||
                 image_set_counts(set).tags > NAMES / 2;
    }
    image_set_unref(set);
    return wrong ? context : NULL;
}

static void test_readers_never_see_what_was_not_added(void **state)
{
    struct image_set *set = image_set_new(secret, NAMES / 2);
    uint8_t map[IMAGE_SET_MAP_BYTES];
    uint64_t random = 7;
    pthread_t readers[READERS];
    char bytes[40];
    unsigned held = 0;

    (void)state;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, set), 0);
    for (unsigned i = 0; i < TURNS; i++) {
        struct slice name = name_of(bytes, sizeof(bytes), "v", next_random(&random) % NAMES);

        if (i % 3)
            image_set_add(set, NGINX, IMAGE_SET_TAG, name, i / 100);
        else
            image_set_drop(set, NGINX, IMAGE_SET_TAG, name);
        if (i % 100 == 0)
            image_set_age(set, map);
        if (i % 1000 == 0)
            image_set_sweep(set, NGINX, i / 100);
    }
    atomic_store(&stopped, true);
    for (int i = 0; i < READERS; i++) {
        void *wrong;

        assert_int_equal(pthread_join(readers[i], &wrong), 0);
        assert_null(wrong);
    }
    for (unsigned i = 0; i < NAMES; i++)
        held += image_set_has(set, NGINX, IMAGE_SET_TAG, name_of(bytes, sizeof(bytes), "v", i));
    assert_int_equal(held, entries(set)); /* nothing was lost on the way */
    image_set_unref(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hash_is_siphash),
        cmocka_unit_test(test_it_holds_what_was_added),
        cmocka_unit_test(test_names_are_held_up_to_their_bounds),
        cmocka_unit_test(test_a_sweep_takes_what_a_listing_did_not_show),
        cmocka_unit_test(test_digests_expire_and_tags_do_not),
        cmocka_unit_test(test_a_clock_that_jumps_back_stands_still),
        cmocka_unit_test(test_repositories_in_use_are_marked_once),
        cmocka_unit_test(test_room_is_made_by_what_is_not_used),
        cmocka_unit_test(test_it_does_as_a_naive_one_does),
        cmocka_unit_test(test_a_full_set_stays_full),
        cmocka_unit_test(test_readers_never_see_what_was_not_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
