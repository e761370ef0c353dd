#include "pullthrough/edge/sys/cpus.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_quota_on_other_machines(void **state)
{
    static const struct {
        const char *root;
        unsigned want;
    } rows[] = {
        {FIXTURES "/cpus/v2-container", 2}, /* 1.5, rounded up */
        {FIXTURES "/cpus/v2-no-limit", 0},
        {FIXTURES "/cpus/v2-parent", 3}, /* the container asks for 8, its pod has 3 */
        {FIXTURES "/cpus/v2-tenth", 1},
        {FIXTURES "/cpus/v1-container", 2}, /* the host's path is seen, only a part is mounted */
        {FIXTURES "/cpus/v1-no-limit", 0},  /* -1 */
        {FIXTURES "/cpus/hybrid", 4},
        {FIXTURES "/cpus/nonsense", 0},
        {FIXTURES "/cpus/zero-period", 0},
        {FIXTURES "/cpus/no-such-machine", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cpus_quota(rows[i].root) != rows[i].want)
            print_error("%s\n", rows[i].root);
        assert_int_equal(cpus_quota(rows[i].root), rows[i].want);
    }
}

static void test_affinity_is_respected(void **state)
{
    cpu_set_t before, one;
    size_t first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_in_range(cpus_allowed(), 1, CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(cpus_allowed(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota_on_other_machines),
        cmocka_unit_test(test_affinity_is_respected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
