#include "pullthrough/edge/sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_monotonic_never_goes_back_and_moves(void **state)
{
    uint64_t first = clock_monotonic_ns(), last = first;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_monotonic_ns();

        assert_true(now >= last);
        last = now;
    }
    assert_true(last > first);
}

static void test_wall_is_the_time_since_1970(void **state)
{
    int64_t before = time(NULL) - 1; /* time() may lag behind clock_gettime() by a tick */
    int64_t seconds = clock_wall_s(), milliseconds = clock_wall_ms();
    int64_t after = time(NULL) + 1;

    (void)state;
    assert_in_range(seconds, before, after);
    assert_in_range(milliseconds / 1000, before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_never_goes_back_and_moves),
        cmocka_unit_test(test_wall_is_the_time_since_1970),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
