#include "pullthrough/core/base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_full_jitter(void **state)
{
    static const struct {
        unsigned attempt;
        uint64_t base_ms, cap_ms;
        uint32_t random;
        uint64_t want;
    } rows[] = {
        {0, 50, 20000, 0, 0},
        {0, 50, 20000, UINT32_C(1) << 31, 25},
        {1, 50, 20000, UINT32_C(1) << 31, 50},
        {3, 1000, 20000, UINT32_C(1) << 31, 4000},
        {10, 1000, 20000, UINT32_C(1) << 31, 10000},
        {63, 1000, 20000, UINT32_MAX, 19999},
        {64, 1000, 20000, UINT32_MAX, 19999},
        {UINT32_MAX, 1000, 20000, UINT32_MAX, 19999},
        {0, 5000, 1000, UINT32_MAX, 999},
        {0, UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT64_MAX - (UINT64_MAX >> 32) - 1},
        {0, 0, 0, UINT32_MAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(
            backoff_ms(rows[i].attempt, rows[i].base_ms, rows[i].cap_ms, rows[i].random),
            rows[i].want);
}

static void test_hints_are_followed_within_reason(void **state)
{
    (void)state;
    assert_int_equal(backoff_with_hint_ms(300, 0), 300);
    assert_int_equal(backoff_with_hint_ms(300, 200), 300);
    assert_int_equal(backoff_with_hint_ms(300, 2000), 2000);
    assert_int_equal(backoff_with_hint_ms(300, 5300), 5300);
    assert_int_equal(backoff_with_hint_ms(300, 5301), 5300);
    assert_int_equal(backoff_with_hint_ms(300, UINT64_MAX), 5300);
}

static void test_jitter_is_a_fifth(void **state)
{
    (void)state;
    assert_int_equal(backoff_jitter_ms(600000, 0), 480000);
    assert_int_equal(backoff_jitter_ms(600000, UINT32_C(1) << 31), 600000);
    assert_in_range(backoff_jitter_ms(600000, UINT32_MAX), 719990, 720000);
    assert_int_equal(backoff_jitter_ms(0, UINT32_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_jitter),
        cmocka_unit_test(test_hints_are_followed_within_reason),
        cmocka_unit_test(test_jitter_is_a_fifth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
