#include "pullthrough/core/arena.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_apart),
        cmocka_unit_test(test_realloc_grows_in_place_or_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
