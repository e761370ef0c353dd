#include "core/config/ecr_names.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The patterns of the ECR service model, so that hand-written readers are held against them. */
static const char prefix_pattern[] =
    "^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$";
static const char arn_pattern[] = "^arn:aws(-[a-zA-Z0-9_]+)*:secretsmanager:[a-zA-Z0-9:-]+:secret:"
                                  "ecr-pullthroughcache/[a-zA-Z0-9/_+=.@-]+$";

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    bool matched;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    matched = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matched;
}

static void test_prefixes_are_those_of_the_model(void **state)
{
    static const char *const rows[] = {
        "dockercache", "ab",    "a1",      "00",    "a.b",   "a_b",
        "a__b",        "a-b",   "a-----b", "a/b",   "a/b/c", "a.b/c_d/e__f/g--h",
        "a..b",        "a___b", "a._b",    "a_.b",  "a-_b",  "a_-b",
        ".a",          "a.",    "_ab",     "ab_",   "-ab",   "ab-",
        "/ab",         "a//b",  "a/.b",    "a./b",  "Ab",    "aB",
        "a b",         "a:b",   "a@b",     "a\xc3", "a*",    "a+b",
        "~~",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((ecr_name_prefix(slice_str(rows[i]), NULL) == 0) != matches(prefix_pattern, rows[i]))
            fail_msg("%s", rows[i]);
}

static void test_prefixes_that_ecr_takes_and_we_do_not(void **state)
{
    struct error error;

    (void)state;
    assert_int_equal(ecr_name_prefix(slice_str("ROOT"), &error), -1);
    assert_non_null(strstr(error.text, "every repository"));
    assert_int_equal(ecr_name_prefix(slice_str("cache/"), &error), -1);
    assert_non_null(strstr(error.text, "at the end"));
    assert_int_equal(ecr_name_prefix(slice_str("a"), &error), -1);
    assert_string_equal(error.text, "a prefix has 2 to 30 bytes");
    assert_int_equal(ecr_name_prefix(slice_str("a23456789012345678901234567890"), &error), 0);
    assert_int_equal(ecr_name_prefix(slice_str("a234567890123456789012345678901"), &error), -1);
    assert_string_equal(error.text, "a prefix has 2 to 30 bytes");
}

static void test_arns_are_those_of_the_model(void **state)
{
    static const char *const rows[] = {
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a-AbCdEf",
        "arn:aws-us-gov:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a",
        "arn:aws-iso_b-x:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a",
        "arn:aws:secretsmanager:us:west:2:more:secret:ecr-pullthroughcache/a/b_c+d=e.f@g-h",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a:b",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a b",
        "arn:aws:secretsmanager:us-west-2:111122223333:secret:other/ecr-pullthroughcache/a",
        "arn:aws:secretsmanager:us_west_2:111122223333:secret:ecr-pullthroughcache/a-AbCdEf",
        "arn:aws:secretsmanager:us-west-2:111122223333:parameter:ecr-pullthroughcache/a-Ab",
        "arn:aws:secretsmanager:::secret:ecr-pullthroughcache/abcdefghijklmnopqrstuvw-AbCdEf",
        "arn:aws-:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a-AbCd",
        "arn:awsx:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a-AbCd",
        "arn:aws--x:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a-Ab",
        "arn:aws:ssm:us-west-2:111122223333:secret:ecr-pullthroughcache/a-AbCdEf-0123456789",
        "arn:aws:secretsmanager:secret:ecr-pullthroughcache/a-AbCdEf-0123456789012345678901",
        "arn:aws:secretsmanager::secret:ecr-pullthroughcache/a-AbCdEf-01234567890123456789",
        "arn:gcp:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/a-AbCdEf",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((ecr_name_secret(slice_str(rows[i]), NULL) == 0) != matches(arn_pattern, rows[i]))
            fail_msg("%s", rows[i]);
}

static void test_lengths_of_arns(void **state)
{
    static const char start[] = "arn:aws:secretsmanager:a:1:secret:ecr-pullthroughcache/";
    char text[700];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, start, sizeof(start) - 1);
    assert_int_equal(ecr_name_secret(slice_of(text, 612), NULL), 0);
    assert_int_equal(ecr_name_secret(slice_of(text, 613), NULL), -1);
    /* below 50 bytes no ARN can be whole */
    assert_int_equal(ecr_name_secret(slice_of(text, 49), NULL), -1);
}

static void test_names_of_secrets(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"ecr-pullthroughcache/dockerio", true}, {"ecr-pullthroughcache/a/b_c+d=e.f@g-h", true},
        {"ecr-pullthroughcache/", false},        {"ecr-pullthroughcache/a b", false},
        {"ecr-pullthroughcache/a:b", false},     {"ecr-pullthroughcache", false},
        {"ECR-pullthroughcache/a", false},       {"dockerio", false},
        {"/ecr-pullthroughcache/a", false},      {"ecr-pullthroughcache/\xc3\xa9", false},
    };
    char text[600];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ecr_name_secret(slice_str(rows[i].text), NULL), rows[i].good ? 0 : -1);
    memset(text, 'x', sizeof(text));
    memcpy(text, "ecr-pullthroughcache/", 21);
    assert_int_equal(ecr_name_secret(slice_of(text, 512), NULL), 0);
    assert_int_equal(ecr_name_secret(slice_of(text, 513), NULL), -1);
}

/* People paste tokens: they must not come out in a log. */
static void test_reasons_do_not_hold_the_text(void **state)
{
    static const char *const rows[] = {"dckr_pat_s3cr3t", "ecr-pullthroughcache/s3cr3t s3cr3t",
                                       "arn:s3cr3t"};
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(ecr_name_secret(slice_str(rows[i]), &error), -1);
        assert_null(strstr(error.text, "s3cr3t"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefixes_are_those_of_the_model),
        cmocka_unit_test(test_prefixes_that_ecr_takes_and_we_do_not),
        cmocka_unit_test(test_arns_are_those_of_the_model),
        cmocka_unit_test(test_lengths_of_arns),
        cmocka_unit_test(test_names_of_secrets),
        cmocka_unit_test(test_reasons_do_not_hold_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
