#include "pullthrough/core/image/ecr_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_every_host_form(void **state)
{
    static const struct {
        const char *domain;
        bool want;
    } rows[] = {
        {"111122223333.dkr.ecr.us-west-2.amazonaws.com", true},
        {"111122223333.dkr.ecr.us-west-2.amazonaws.com:443", true},
        {"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", true},
        {"111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", true},
        {"111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", true},
        {"111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", true},
        {"111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", true},
        {"111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", true},
        {"111122223333.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", true},
        {"111122223333.dkr.ecr-fips.us-east-1.amazonaws.com", true},
        {"111122223333.dkr-ecr.us-east-1.on.aws", true},
        {"111122223333.dkr-ecr-fips.us-east-1.on.aws", true},
        {"111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", true},
        {"111122223333.dkr-ecr.eusc-de-east-1.on.amazonwebservices.eu", true},
        {"", false},
        {"public.ecr.aws", false},
        {"11112222333.dkr.ecr.us-west-2.amazonaws.com", false},   /* eleven digits */
        {"1111222233334.dkr.ecr.us-west-2.amazonaws.com", false}, /* thirteen */
        {"111122223333.dkr.ecr.us-west-2.amazonaws.com.evil.io", false},
        {"111122223333.dkr.ecr.us-west-2.amazonaws.com:5000", false},
        {"111122223333.dkr.ecr..amazonaws.com", false},
        {"111122223333.dkr.ecr.amazonaws.com", false},
        {"111122223333.dkr-ecr.us-iso-east-1.", false},
        {"111122223333.dkr.ecr.us-west-2.on.aws", false}, /* forms do not mix */
        {"111122223333.dkr-ecr.us-west-2.amazonaws.com", false},
        {"x111122223333.dkr.ecr.us-west-2.amazonaws.com", false},
        {"111122223333.DKR.ECR.us-west-2.amazonaws.com", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ecr_host_matches(slice_str(rows[i].domain)) != rows[i].want)
            fail_msg("%s", rows[i].domain);
}

static void test_printed_host_is_recognised(void **state)
{
    static const char *rows[][2] = {
        {"us-west-2", "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {"us-gov-east-1", "111122223333.dkr.ecr.us-gov-east-1.amazonaws.com"},
        {"cn-northwest-1", "111122223333.dkr.ecr.cn-northwest-1.amazonaws.com.cn"},
        {"eusc-de-east-1", "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu"},
        {"us-iso-east-1", "111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov"},
        {"us-isob-east-1", "111122223333.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"},
        {"eu-isoe-west-1", "111122223333.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk"},
        {"us-isof-east-1", "111122223333.dkr.ecr.us-isof-east-1.csp.hci.ic.gov"},
        {"xx-new-9", "111122223333.dkr.ecr.xx-new-9.amazonaws.com"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(300);

        ecr_host_print(&out, slice_str("111122223333"), slice_str(rows[i][0]));
        assert_string_equal(strbuf_str(&out), rows[i][1]);
        assert_true(ecr_host_matches(strbuf_slice(&out)));
    }
}

static void test_accounts_and_regions(void **state)
{
    (void)state;
    assert_true(ecr_host_is_account(slice_str("000000000000")));
    assert_false(ecr_host_is_account(slice_str("00000000000a")));
    assert_false(ecr_host_is_account(slice_str("")));
    assert_true(ecr_host_is_region(slice_str("us-east-1")));
    assert_false(ecr_host_is_region(slice_str("u")));
    assert_false(ecr_host_is_region(slice_str("us_east_1")));
    assert_false(ecr_host_is_region(slice_str("-us-east-1")));
    assert_false(ecr_host_is_region(slice_str("us-east-1.evil")));
    assert_false(ecr_host_is_region(slice_str("aaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_host_form),
        cmocka_unit_test(test_printed_host_is_recognised),
        cmocka_unit_test(test_accounts_and_regions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
