#include "pullthrough/core/aws/aws_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum aws_service service_of(const char *name)
{
    for (unsigned i = 0; i < AWS_SERVICE_COUNT; i++)
        if (strcmp(aws_service_name((enum aws_service)i), name) == 0)
            return (enum aws_service)i;
    fail_msg("no service %s", name);
    return AWS_ECR;
}

static void check_row(const char *line)
{
    char name[30], region[30], host[200], url[300];
    int fips, dual_stack;
    struct aws_endpoint endpoint;
    struct aws_endpoint_options options = {0};
    struct error error;

    assert_int_equal(
        sscanf(line, "%29s\t%29s\t%d\t%d\t%199s", name, region, &fips, &dual_stack, host), 5);
    options.region = slice_str(region);
    options.fips = fips;
    options.dual_stack = dual_stack;
    if (aws_endpoint_resolve(&endpoint, service_of(name), &options, &error) < 0)
        fail_msg("%s: %s", line, error.text);
    assert_string_equal(endpoint.host, host);
    (void)snprintf(url, sizeof(url), "https://%s/", host);
    assert_string_equal(endpoint.url, url);
    assert_string_equal(endpoint.path, "/");
    assert_string_equal(endpoint.region, region);
    assert_true(endpoint.https);
}

static void test_rule_sets(void **state)
{
    FILE *file = fopen(VECTORS "/aws_endpoints.tsv", "r");
    char line[500];
    size_t n = 0;

    (void)state;
    assert_non_null(file);
    for (; fgets(line, sizeof(line), file); n++)
        if (line[0] != '#')
            check_row(line);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(n, 97);
}

static void test_custom_endpoints(void **state)
{
    static const struct {
        const char *custom, *url, *host, *path;
        bool https;
    } rows[] = {
        {"http://127.0.0.1:4566", "http://127.0.0.1:4566/", "127.0.0.1:4566", "/", false},
        {"https://[::1]:8443/", "https://[::1]:8443/", "[::1]:8443", "/", true},
        {"https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com:443",
         "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com/",
         "vpce-1.api.ecr.us-west-2.vpce.amazonaws.com", "/", true},
        {"http://fake/aws/ecr", "http://fake/aws/ecr", "fake", "/aws/ecr", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct aws_endpoint_options options = {
            .region = slice_str("us-west-2"),
            .custom = slice_str(rows[i].custom),
        };
        struct aws_endpoint endpoint;
        struct error error;

        if (aws_endpoint_resolve(&endpoint, AWS_ECR, &options, &error) < 0)
            fail_msg("%s: %s", rows[i].custom, error.text);
        assert_string_equal(endpoint.url, rows[i].url);
        assert_string_equal(endpoint.host, rows[i].host);
        assert_string_equal(endpoint.path, rows[i].path);
        assert_string_equal(endpoint.region, "us-west-2");
        assert_int_equal(endpoint.https, rows[i].https);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *region, *custom;
        bool fips, dual_stack;
        const char *want;
    } rows[] = {
        {"", "", false, false, "no AWS region is known"},
        {"", "http://h", false, false, "no AWS region is known"},
        {"us-east-1.evil.io/", "", false, false, "\"us-east-1.evil.io/\" is not an AWS region"},
        {"us-east-1", "http://h", true, false,
         "FIPS and a custom endpoint for secretsmanager exclude each other"},
        {"us-east-1", "http://h", false, true,
         "dual-stack and a custom endpoint for secretsmanager exclude each other"},
        {"us-east-1", "h:80", false, false,
         "custom endpoint for secretsmanager: the URL begins neither with https:// nor with "
         "http://"},
        {"us-east-1", "http://h/?x", false, false,
         "custom endpoint for secretsmanager: the URL has a query"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct aws_endpoint_options options = {
            .region = slice_str(rows[i].region),
            .custom = slice_str(rows[i].custom),
            .fips = rows[i].fips,
            .dual_stack = rows[i].dual_stack,
        };
        struct aws_endpoint endpoint;
        struct error error = {""};

        assert_int_equal(aws_endpoint_resolve(&endpoint, AWS_SECRETS_MANAGER, &options, &error),
                         -1);
        assert_string_equal(error.text, rows[i].want);
    }
}

static void test_a_long_path_is_refused(void **state)
{
    static char custom[400] = "http://h/";
    const struct aws_endpoint_options options = {
        .region = slice_str("us-east-1"),
        .custom = slice_of(custom, 300),
    };
    struct aws_endpoint endpoint;
    struct error error = {""};

    (void)state;
    memset(custom + 9, 'a', 300 - 9);
    assert_int_equal(aws_endpoint_resolve(&endpoint, AWS_STS, &options, &error), -1);
    assert_string_equal(error.text, "custom endpoint for sts: the URL is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_sets),
        cmocka_unit_test(test_custom_endpoints),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_long_path_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
