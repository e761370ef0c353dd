#include "pullthrough/core/aws/aws_calls.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* IAM's prefixes are the services' names, and each operation stands there once. */
static void test_each_call_stands_once(void **state)
{
    (void)state;
    for (int i = 0; i < AWS_OPERATION_COUNT; i++) {
        STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(200);
        enum aws_operation operation = (enum aws_operation)i;

        strbuf_add_format(&want, "%s:%s", aws_service_name(aws_operation_service(operation)),
                          aws_operation_name(operation));
        assert_string_equal(aws_operation_action(operation), strbuf_str(&want));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(aws_operation_name(operation),
                                    aws_operation_name((enum aws_operation)k));
    }
}

/* ECR logs in upstream meanwhile; nothing else takes as long. */
static void test_only_the_validation_is_slow(void **state)
{
    (void)state;
    for (int i = 0; i < AWS_OPERATION_COUNT; i++)
        assert_int_equal(aws_operation_is_slow((enum aws_operation)i), i == AWS_VALIDATE_RULE);
}

static void test_names_of_outcomes(void **state)
{
    (void)state;
    assert_string_equal(aws_outcome_name((enum aws_outcome)AWS_ERROR_THROTTLED), "throttled");
    assert_string_equal(aws_outcome_name(AWS_OUTCOME_OK), "ok");
    assert_string_equal(aws_outcome_name(AWS_OUTCOME_NO_ANSWER), "no-answer");
    assert_string_equal(aws_outcome_name(AWS_OUTCOME_FAILED), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_stands_once),
        cmocka_unit_test(test_only_the_validation_is_slow),
        cmocka_unit_test(test_names_of_outcomes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
