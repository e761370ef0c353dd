#include "pullthrough/core/image/aws_partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_every_partition_by_one_of_its_regions(void **state)
{
    static const struct {
        const char *region, *name, *suffix, *dual_stack;
        bool lacks_pull_through;
    } rows[] = {
        {"us-west-2", "aws", "amazonaws.com", "api.aws", false},
        {"us-gov-west-1", "aws-us-gov", "amazonaws.com", "api.aws", true},
        {"cn-north-1", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", true},
        {"eusc-de-east-1", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", false},
        {"us-iso-east-1", "aws-iso", "c2s.ic.gov", "api.aws.ic.gov", false},
        {"us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", false},
        {"eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", false},
        {"us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", false},
        {"xx-new-9", "aws", "amazonaws.com", "api.aws", false},
        {"", "aws", "amazonaws.com", "api.aws", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct aws_partition *partition = aws_partition_of(slice_str(rows[i].region));

        assert_string_equal(partition->name, rows[i].name);
        assert_string_equal(partition->suffix, rows[i].suffix);
        assert_string_equal(partition->dual_stack_suffix, rows[i].dual_stack);
        assert_int_equal(partition->lacks_pull_through, rows[i].lacks_pull_through);
    }
}

static void test_walking_meets_each_once(void **state)
{
    size_t n = 0;

    (void)state;
    for (; aws_partition_at(n); n++)
        for (size_t k = 0; k < n; k++)
            assert_string_not_equal(aws_partition_at(n)->name, aws_partition_at(k)->name);
    assert_int_equal(n, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_partition_by_one_of_its_regions),
        cmocka_unit_test(test_walking_meets_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
