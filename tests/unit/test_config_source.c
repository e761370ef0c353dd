#include "pullthrough/app/base/config_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCOUNT_ID"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        (void)unsetenv(variables[i]);
    return 0;
}

static void test_no_path_means_the_defaults(void **state)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    struct error error = {""};

    (void)state;
    assert_int_equal(config_source_load(NULL, &config, &error), 0);
    assert_int_equal(config->n_upstreams, 4);
}

static void test_a_file_is_read(void **state)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    struct error error = {""};

    (void)state;
    assert_int_equal(config_source_load(FIXTURES "/config/upstream-off.yaml", &config, &error), 0);
    assert_string_equal(config->registry.host, "registry.example:5000");
}

static void test_complaints_name_the_file(void **state)
{
    static const char path[] = FIXTURES "/config/threads-over.yaml";
    const struct config *config = NULL;
    struct error error = {""};

    (void)state;
    assert_int_equal(config_source_load(path, &config, &error), -1);
    assert_null(config);
    assert_true(slice_starts_with(slice_str(error.text), slice_str(path)));
    assert_string_equal(error.text + strlen(path),
                        ":1:19: server.threads: \"65\" is out of bounds: 0 to 64");
}

static void test_a_file_that_cannot_be_read(void **state)
{
    static const struct {
        const char *path, *reason;
    } rows[] = {
        {FIXTURES "/config/no-such-case/in.yaml", ": No such file or directory"},
        {FIXTURES "/config", ": is a directory, not a regular file"},
        {"/dev/zero", ": is a device, not a regular file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config *config = NULL;
        struct error error = {""};

        assert_true(config_source_load(rows[i].path, &config, &error) < 0);
        assert_null(config);
        assert_true(slice_starts_with(slice_str(error.text), slice_str(rows[i].path)));
        assert_string_equal(error.text + strlen(rows[i].path), rows[i].reason);
    }
}

static void test_the_host_comes_from_the_environment(void **state)
{
    static const struct {
        const char *values[3]; /* of the variables; NULL: not set */
        int want;
        const char *host;
    } rows[] = {
        {{NULL, NULL, NULL}, CONFIG_HOST_UNKNOWN, ""},
        {{"us-west-2", NULL, "111122223333"}, 0, "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {{NULL, "eu-west-1", "111122223333"}, 0, "111122223333.dkr.ecr.eu-west-1.amazonaws.com"},
        {{"us-west-2", "eu-west-1", "111122223333"},
         0,
         "111122223333.dkr.ecr.us-west-2.amazonaws.com"},
        {{"", "eu-west-1", "111122223333"}, 0, "111122223333.dkr.ecr.eu-west-1.amazonaws.com"},
        {{"us-west-2", "eu-west-1", ""}, CONFIG_HOST_UNKNOWN, ""},
        {{"", "", "111122223333"}, CONFIG_HOST_UNKNOWN, ""},
        {{"us-west-2", NULL, "me"}, -1, ""},
    };
    CONFIG_CLEANUP const struct config *config = NULL;

    assert_int_equal(config_source_load(NULL, &config, NULL), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(300);
        struct error error = {""};

        (void)clear_environment(state);
        for (size_t k = 0; k < 3; k++)
            if (rows[i].values[k])
                assert_int_equal(setenv(variables[k], rows[i].values[k], 1), 0);
        assert_int_equal(config_source_host(config, &host, &error), rows[i].want);
        assert_string_equal(strbuf_str(&host), rows[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_path_means_the_defaults),
        cmocka_unit_test(test_a_file_is_read),
        cmocka_unit_test(test_complaints_name_the_file),
        cmocka_unit_test(test_a_file_that_cannot_be_read),
        cmocka_unit_test_setup_teardown(test_the_host_comes_from_the_environment, clear_environment,
                                        clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
