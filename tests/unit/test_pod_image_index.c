#include "core/review/pod_image_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 4096, LOG2_MOST = 12 };

static struct pod_image images[MOST];
static char names[MOST][24];

/* n images whose names are numbers, in an order of their own; every name `times` times. */
static void make(size_t n, size_t times)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "c%zu", i * 2654435761U % n / times);
        images[i] = (struct pod_image){
            .list = i % 2 ? POD_CONTAINERS : POD_INIT_CONTAINERS,
            .name = slice_str(names[i]),
        };
    }
}

/* What a walk over all of them finds. */
static const struct pod_image *walk(size_t n, const struct pod_image *like, bool last)
{
    const struct pod_image *found = NULL;

    for (size_t i = 0; i < n; i++)
        if (images[i].list == like->list && slice_equal(images[i].name, like->name) &&
            (last || !found))
            found = &images[i];
    return found;
}

static void test_it_finds_what_a_walk_finds(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n++)
        for (size_t times = 1; times < 5; times++) {
            ARENA_CLEANUP struct arena arena;
            struct pod_image_index index;
            struct pod_image none = {.list = POD_CONTAINERS, .name = slice_str("none")};

            make(n, times);
            arena_init(&arena, 0);
            assert_true(pod_image_index_init(&index, images, n, &arena));
            for (size_t i = 0; i < n; i++) {
                assert_ptr_equal(pod_image_index_first(&index, images[i].list, images[i].name),
                                 walk(n, &images[i], false));
                assert_ptr_equal(pod_image_index_last(&index, images[i].list, images[i].name),
                                 walk(n, &images[i], true));
            }
            assert_null(pod_image_index_first(&index, none.list, none.name));
            assert_null(pod_image_index_last(&index, none.list, none.name));
        }
}

static void test_thousands_take_few_comparisons(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct pod_image_index index;

    (void)state;
    arena_init(&arena, 0);
    for (size_t times = 1; times <= MOST; times *= 64) {
        make(MOST, times);
        assert_true(pod_image_index_init(&index, images, MOST, &arena));
        for (size_t i = 0; i < MOST; i++)
            assert_non_null(pod_image_index_first(&index, images[i].list, images[i].name));
        print_message("%zu of each name: %zu comparisons\n", times, index.comparisons);
        assert_true(index.comparisons <= MOST * (3 * LOG2_MOST + LOG2_MOST + 2));
    }
}

static void test_no_room_is_said(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct pod_image_index index;

    (void)state;
    arena_init(&arena, 0);
    arena.ceiling = arena.bytes;
    make(MOST, 1);
    assert_false(pod_image_index_init(&index, images, MOST, &arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_finds_what_a_walk_finds),
        cmocka_unit_test(test_thousands_take_few_comparisons),
        cmocka_unit_test(test_no_room_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
