#include "pullthrough/edge/sys/environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_the_process_own(void **state)
{
    struct environment environment = environment_of_process();

    (void)state;
    assert_int_equal(setenv("PULLTHROUGH_TEST", "True", 1), 0);
    assert_true(slice_is(environment_get(&environment, "PULLTHROUGH_TEST"), "True"));
    assert_true(environment_is_true(&environment, "PULLTHROUGH_TEST"));
    assert_int_equal(setenv("PULLTHROUGH_TEST", "1", 1), 0);
    assert_false(environment_is_true(&environment, "PULLTHROUGH_TEST"));
    assert_int_equal(setenv("PULLTHROUGH_TEST", "", 1), 0);
    assert_int_equal(environment_get(&environment, "PULLTHROUGH_TEST").len, 0);
    assert_int_equal(unsetenv("PULLTHROUGH_TEST"), 0);
    assert_int_equal(environment_get(&environment, "PULLTHROUGH_TEST").len, 0);
    assert_string_equal(environment_text(&environment, "PULLTHROUGH_TEST"), "");
    assert_false(environment_is_true(&environment, "PULLTHROUGH_TEST"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_process_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
