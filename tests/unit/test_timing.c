#include "pullthrough/edge/sys/timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_the_real_ones(void **state)
{
    struct timing timing = timing_of_process();
    uint64_t before_ms = timing.monotonic_ms(timing.context);
    uint32_t bits = 0;

    (void)state;
    assert_true(timing.wait(timing.context, 20));
    assert_true(timing.monotonic_ms(timing.context) - before_ms >= 20);
    assert_in_range(timing.wall_s(timing.context), (uintmax_t)time(NULL) - 5,
                    (uintmax_t)time(NULL) + 5);
    assert_false(timing.stopped(timing.context));
    /* that a bit is never set in 64 draws has a chance of 2^-64 */
    for (int i = 0; i < 64; i++)
        bits |= timing.random(timing.context);
    assert_int_equal(bits, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_real_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
