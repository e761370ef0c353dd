#include "pullthrough/core/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_allocations_are_aligned_and_apart(void **state)
{
    ARENA_CLEANUP struct arena arena;
    char *before = NULL;

    (void)state;
    arena_init(&arena, 100);
    for (size_t size = 1; size < 3000; size += 37) {
        char *at = arena_alloc(&arena, size);

        assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
        memset(at, 0x5a, size);
        if (before)
            assert_int_equal(before[0], 0x5a);
        before = at;
    }
}

static void test_realloc_grows_in_place_or_moves(void **state)
{
    ARENA_CLEANUP struct arena arena;
    char *first, *grown, *moved;

    (void)state;
    arena_init(&arena, 4096);
    first = arena_realloc(&arena, NULL, 0, 16);
    memcpy(first, "0123456789abcdef", 16);
    grown = arena_realloc(&arena, first, 16, 64);
    assert_ptr_equal(grown, first);
    (void)arena_alloc(&arena, 1);
    moved = arena_realloc(&arena, grown, 64, 8192);
    assert_ptr_not_equal(moved, grown);
    assert_memory_equal(moved, "0123456789abcdef", 16);
}

static void test_a_large_allocation_moves_and_goes(void **state)
{
    ARENA_CLEANUP struct arena arena;
    size_t before;
    char *a, *b, *c;

    (void)state;
    arena_init(&arena, 0);
    before = arena.bytes;
    a = arena_alloc(&arena, ARENA_LARGE);
    b = arena_alloc(&arena, 2 * ARENA_LARGE);
    c = arena_alloc(&arena, 3 * ARENA_LARGE);
    memset(a, 'a', ARENA_LARGE);
    memset(b, 'b', 2 * ARENA_LARGE);
    memset(c, 'c', 3 * ARENA_LARGE);
    for (size_t n = 2; n < 64; n *= 2) {
        b = arena_realloc(&arena, b, n * ARENA_LARGE, 2 * n * ARENA_LARGE);
        assert_true(b[0] == 'b' && b[2 * ARENA_LARGE - 1] == 'b');
        /* it is there once */
        assert_in_range(arena.bytes - before, (4 + 2 * n) * ARENA_LARGE,
                        (4 + 2 * n) * ARENA_LARGE + 1000);
    }
    arena_release(&arena, c);
    arena_release(&arena, a);
    assert_in_range(arena.bytes - before, 64 * ARENA_LARGE, 64 * ARENA_LARGE + 1000);
    b = arena_realloc(&arena, b, 64 * ARENA_LARGE, 65 * ARENA_LARGE);
    arena_release(&arena, b);
    assert_int_equal(arena.bytes, before);
    arena_release(&arena, NULL);
    arena_release(&arena, arena_alloc(&arena, 16)); /* stays */
}

static void test_nothing_goes_over_the_ceiling(void **state)
{
    static const size_t sizes[] = {1, 5000, ARENA_LARGE, 20 * ARENA_LARGE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        char *last = NULL, *next;

        arena_init(&arena, 0);
        arena.ceiling = 100 * ARENA_LARGE;
        while ((next = arena_try_alloc(&arena, sizes[i])) != NULL) {
            last = next;
            *last = 'x';
            assert_true(arena.bytes <= arena.ceiling);
        }
        assert_true(arena.bytes + sizes[i] + 8192 > arena.ceiling);
        assert_null(arena_try_realloc(&arena, last, sizes[i], arena.ceiling));
        assert_int_equal(*last, 'x');
        /* those who can't be refused are counted */
        assert_non_null(arena_alloc(&arena, 25 * ARENA_LARGE));
        assert_true(arena.bytes > arena.ceiling);
        assert_null(arena_try_alloc(&arena, ARENA_LARGE));
        last = arena_try_realloc(&arena, last, sizes[i], 1); /* less is always fine */
        assert_true(last && *last == 'x');
    }
}

/* While malloc copies a block it is there twice; those that it moves aren't. */
static void test_room_to_move(void **state)
{
    enum { SMALL = 8 * ARENA_LARGE, BIG = 16 * ARENA_LARGE };
    ARENA_CLEANUP struct arena arena;
    char *small, *big;

    (void)state;
    arena_init(&arena, 0);
    small = arena_alloc(&arena, SMALL);
    big = arena_alloc(&arena, BIG);
    arena.ceiling = arena.bytes + 2 * ARENA_LARGE;
    assert_null(arena_try_realloc(&arena, small, SMALL, SMALL + ARENA_LARGE));
    big = arena_try_realloc(&arena, big, BIG, BIG + ARENA_LARGE);
    assert_non_null(big);
    assert_null(arena_try_realloc(&arena, big, BIG + ARENA_LARGE, BIG + 3 * ARENA_LARGE));
    arena.ceiling = arena.bytes + SMALL + 2 * ARENA_LARGE;
    assert_non_null(arena_try_realloc(&arena, small, SMALL, SMALL + ARENA_LARGE));
}

static void test_texts_are_copied_and_ended(void **state)
{
    ARENA_CLEANUP struct arena arena;
    char text[] = "docker.io/library";
    char *copy;

    (void)state;
    arena_init(&arena, 0);
    copy = arena_text(&arena, slice_of(text, 9));
    text[0] = 'x';
    assert_string_equal(copy, "docker.io");
    assert_string_equal(arena_text(&arena, (struct slice){0}), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_apart),
        cmocka_unit_test(test_realloc_grows_in_place_or_moves),
        cmocka_unit_test(test_a_large_allocation_moves_and_goes),
        cmocka_unit_test(test_nothing_goes_over_the_ceiling),
        cmocka_unit_test(test_room_to_move),
        cmocka_unit_test(test_texts_are_copied_and_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
