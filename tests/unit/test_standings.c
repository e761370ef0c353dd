#include "app/serve/standings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_since_counts_from_the_change_of_state(void **state)
{
    struct standings standings = {0};
    struct slice hub = slice_str("docker.io"), quay = slice_str("quay.io");

    (void)state;
    assert_null(standings_get(&standings, hub));
    assert_true(standings_set(&standings, hub, "unknown", "first", 100));
    standings_set(&standings, quay, "ready", "other", 150);
    assert_false(standings_set(&standings, hub, "unknown", "second", 200));
    assert_int_equal(standings_get(&standings, hub)->since_s, 100);
    assert_string_equal(standings_get(&standings, hub)->reason, "second");
    assert_true(standings_set(&standings, hub, "ready", "third", 300));
    assert_int_equal(standings_get(&standings, hub)->since_s, 300);
    assert_int_equal(standings_get(&standings, quay)->since_s, 150);
    standings_fini(&standings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_since_counts_from_the_change_of_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
