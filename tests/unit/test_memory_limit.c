#include "pullthrough/edge/sys/memory_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_limits_of_other_machines(void **state)
{
    static const struct {
        const char *root;
        uint64_t want_mib;
    } rows[] = {
        {FIXTURES "/memory/v2-container", 256},
        {FIXTURES "/memory/v2-no-limit", 0}, /* "max" */
        {FIXTURES "/memory/v2-parent", 128}, /* the container has none, its pod has */
        {FIXTURES "/memory/v1-container", 192},
        {FIXTURES "/memory/v1-no-limit", 0}, /* the largest number of whole pages */
        {FIXTURES "/memory/nonsense", 0},
        {FIXTURES "/memory/no-such-machine", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (memory_limit(rows[i].root) != rows[i].want_mib << 20)
            print_error("%s\n", rows[i].root);
        assert_int_equal(memory_limit(rows[i].root), rows[i].want_mib << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_other_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
