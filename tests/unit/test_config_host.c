#include "pullthrough/core/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_the_file_outranks_the_environment(void **state)
{
    static const struct {
        const char *yaml, *region, *account, *want;
    } rows[] = {
        {"registry: {account: '111122223333', region: us-west-2}", "", "",
         "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {"", "eu-central-1", "444455556666", "444455556666.dkr.ecr.eu-central-1.amazonaws.com"},
        {"registry: {account: '111122223333', region: us-west-2}", "eu-central-1", "444455556666",
         "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {"registry: {region: us-west-2}", "", "444455556666",
         "444455556666.dkr.ecr.us-west-2.amazonaws.com"},
        {"registry: {account: '111122223333'}", "cn-north-1", "",
         "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"},
        {"registry: {host: 'localhost:5000', account: '111122223333', region: us-west-2}", "", "",
         "localhost:5000"},
        /* nobody needs the environment then, so it may say anything */
        {"registry: {host: 'localhost:5000'}", "NOWHERE", "me", "localhost:5000"},
        {"registry: {account: '111122223333', region: us-west-2}", "NOWHERE", "me",
         "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(300);
        CONFIG_CLEANUP const struct config *config = NULL;
        struct config_environment environment = {slice_str(rows[i].region),
                                                 slice_str(rows[i].account)};
        struct error error = {""};

        assert_int_equal(config_parse(&config, slice_str(rows[i].yaml), &error), 0);
        assert_int_equal(config_registry_host(config, &environment, &host, &error), 0);
        assert_string_equal(strbuf_str(&host), rows[i].want);
    }
}

static void test_what_is_missing_or_malformed_is_named(void **state)
{
    static const struct {
        const char *yaml, *region, *account;
        int want;
        const char *reason;
    } rows[] = {
        {"", "", "", CONFIG_HOST_UNKNOWN,
         "the registry's account and region are unknown: set registry.account and "
         "registry.region, or AWS_ACCOUNT_ID and AWS_REGION"},
        {"", "us-west-2", "", CONFIG_HOST_UNKNOWN,
         "the registry's account is unknown: set registry.account or AWS_ACCOUNT_ID"},
        {"registry: {account: '111122223333'}", "", "", CONFIG_HOST_UNKNOWN,
         "the registry's region is unknown: set registry.region or AWS_REGION"},
        {"", "us-west-2", "1111", -1, "AWS_ACCOUNT_ID is not 12 digits"},
        {"", "us_west_2", "111122223333", -1,
         "AWS_REGION (or AWS_DEFAULT_REGION) is not a region's name"},
        {"", "a.evil.example/", "111122223333", -1,
         "AWS_REGION (or AWS_DEFAULT_REGION) is not a region's name"},
        {"", "", "1111", -1, "AWS_ACCOUNT_ID is not 12 digits"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(300);
        CONFIG_CLEANUP const struct config *config = NULL;
        struct config_environment environment = {slice_str(rows[i].region),
                                                 slice_str(rows[i].account)};
        struct error error = {""};

        assert_int_equal(config_parse(&config, slice_str(rows[i].yaml), &error), 0);
        assert_int_equal(config_registry_host(config, &environment, &host, &error), rows[i].want);
        assert_string_equal(error.text, rows[i].reason);
        assert_int_equal(host.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_file_outranks_the_environment),
        cmocka_unit_test(test_what_is_missing_or_malformed_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
