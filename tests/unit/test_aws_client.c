#include "pullthrough/edge/aws/aws_client.h"

#include "fake_http.h"
#include "fake_surroundings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ECR, a container endpoint and an instance's service in one. ECR takes only the newest keys. */
struct services {
    unsigned newest, handed_out; /* of the keys */
    unsigned ecr_calls, container_calls;
    char answer[500];
};

static void answer_ecr(struct services *services, const struct fake_http_request *request,
                       struct fake_http_answer *answer)
{
    struct slice authorization = fake_http_header(request, "Authorization");
    char want[100];

    services->ecr_calls++;
    (void)snprintf(want, sizeof(want), "AWS4-HMAC-SHA256 Credential=KEY%u/20261121/eu-north-1/ecr/",
                   services->newest);
    if (slice_starts_with(authorization, slice_str(want))) {
        (void)snprintf(services->answer, sizeof(services->answer), "{}");
        return;
    }
    answer->status = 400;
    answer->headers = "x-amzn-RequestId: id-1\r\n";
    (void)snprintf(services->answer, sizeof(services->answer),
                   "{\"__type\":\"ExpiredTokenException\",\"message\":\"expired\"}");
}

static void serve(void *context, const struct fake_http_request *request,
                  struct fake_http_answer *answer)
{
    struct services *services = context;

    if (slice_is(request->target, "/")) {
        answer_ecr(services, request, answer);
    } else if (slice_is(request->target, "/container")) {
        services->container_calls++;
        (void)snprintf(services->answer, sizeof(services->answer),
                       "{\"AccessKeyId\":\"KEY%u\",\"SecretAccessKey\":\"hush\",\"Token\":\"t\","
                       "\"AccountId\":\"111122223333\",\"Expiration\":\"2026-11-21T18:00:00Z\"}",
                       services->handed_out);
    } else if (slice_is(request->target, "/latest/meta-data/placement/region")) {
        (void)snprintf(services->answer, sizeof(services->answer), "eu-north-1");
    } else {
        (void)snprintf(services->answer, sizeof(services->answer), "token");
    }
    answer->body = slice_str(services->answer);
}

struct bench {
    struct services services;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct aws_client *client;
    struct strbuf answer;
    struct aws_error failure;
    struct error error;
    unsigned counted;
};

static void count(void *context, const struct aws_sender_attempt *attempt)
{
    struct bench *bench = context;

    assert_int_equal(attempt->operation, AWS_DESCRIBE_RULES);
    bench->counted++;
}

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    unsigned port;

    assert_non_null(bench);
    bench->server = fake_http_start(serve, &bench->services, NULL, NULL);
    port = fake_http_port(bench->server);
    fake_surroundings_init(&bench->fake);
    fake_surroundings_set_format(&bench->fake, "AWS_ENDPOINT_URL", "http://127.0.0.1:%u", port);
    fake_surroundings_set_format(&bench->fake, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                 "http://127.0.0.1:%u", port);
    fake_surroundings_set_format(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                 "http://127.0.0.1:%u/container", port);
    if (aws_client_new(&bench->client,
                       &(struct aws_client_config){
                           .spec = {.region = "", .endpoints = {"", "", ""}, .ca_file = ""},
                           .environment = bench->fake.environment,
                           .timing = bench->fake.timing,
                           .user_agent = "pullthrough/test",
                           .count = count,
                           .context = bench,
                       },
                       &bench->error) < 0)
        fail_msg("%s", bench->error.text);
    strbuf_init(&bench->answer, 1000);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    strbuf_fini(&bench->answer);
    aws_client_free(bench->client);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->server);
    free(bench);
    return 0;
}

static int call(struct bench *bench)
{
    const struct aws_call wanted = {.operation = AWS_DESCRIBE_RULES, .body = slice_str("{}")};

    return aws_client_call(bench->client, &wanted, &bench->answer, &bench->failure, &bench->error);
}

static void test_a_call_finds_region_and_keys(void **state)
{
    struct bench *bench = *state;
    const char *text;

    assert_int_equal(aws_client_source(bench->client), AWS_SOURCE_NONE);
    if (call(bench) != 0)
        fail_msg("%s", bench->error.text);
    assert_string_equal(strbuf_str(&bench->answer), "{}");
    assert_int_equal(aws_client_source(bench->client), AWS_SOURCE_CONTAINER);
    assert_int_equal(aws_client_region(bench->client, &text, &bench->error), 0);
    assert_string_equal(text, "eu-north-1");
    assert_int_equal(aws_client_account(bench->client, &text, &bench->error), 0);
    assert_string_equal(text, "111122223333");
    assert_int_equal(call(bench), 0);
    assert_int_equal(bench->services.container_calls, 1);
    assert_int_equal(bench->counted, 2);
}

static void test_keys_that_are_not_taken_are_renewed_once(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(call(bench), 0);
    bench->services.newest = bench->services.handed_out = 1;
    assert_int_equal(call(bench), 0);
    assert_int_equal(bench->services.ecr_calls, 3);
    assert_int_equal(bench->services.container_calls, 2);
    assert_int_equal(call(bench), 0);
    assert_int_equal(bench->services.container_calls, 2);

    /* still not taken: what the service says stands */
    bench->services.newest = 3;
    bench->services.handed_out = 2;
    bench->services.ecr_calls = 0;
    assert_int_equal(call(bench), AWS_CLIENT_REFUSED);
    assert_int_equal(bench->services.ecr_calls, 2);
    assert_int_equal(bench->failure.class, AWS_ERROR_EXPIRED_CREDENTIALS);
    assert_string_equal(bench->error.text,
                        "DescribePullThroughCacheRules: ExpiredTokenException: expired (HTTP 400, "
                        "request id id-1)");

    /* the same keys again are not worth a second call */
    bench->services.ecr_calls = 0;
    assert_int_equal(call(bench), AWS_CLIENT_REFUSED);
    assert_int_equal(bench->services.ecr_calls, 1);
}

static void test_no_keys(void **state)
{
    struct bench *bench = *state;

    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/");
    assert_int_equal(call(bench), -1);
    assert_true(slice_starts_with(slice_str(bench->error.text),
                                  slice_str("AWS credentials from the container endpoint: ")));
    assert_int_equal(bench->services.ecr_calls, 0);
}

static void test_no_region(void **state)
{
    struct bench *bench = *state;

    fake_surroundings_set(&bench->fake, "AWS_EC2_METADATA_DISABLED", "true");
    assert_int_equal(call(bench), -1);
    assert_string_equal(
        bench->error.text,
        "no AWS region is set (registry.region or AWS_REGION), and from the instance: switched "
        "off by AWS_EC2_METADATA_DISABLED");
}

static void test_a_malformed_setting(void **state)
{
    struct bench *bench = *state;
    AWS_CLIENT_CLEANUP struct aws_client *client = NULL;

    assert_int_equal(aws_client_new(&client,
                                    &(struct aws_client_config){
                                        .spec = {.region = "", .endpoints = {"x", "", ""}},
                                        .environment = bench->fake.environment,
                                        .timing = bench->fake.timing,
                                    },
                                    &bench->error),
                     -1);
    assert_null(client);
    assert_string_equal(
        bench->error.text,
        "custom endpoint for ecr: the URL begins neither with https:// nor with http://");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_call_finds_region_and_keys, start, stop),
        cmocka_unit_test_setup_teardown(test_keys_that_are_not_taken_are_renewed_once, start, stop),
        cmocka_unit_test_setup_teardown(test_no_keys, start, stop),
        cmocka_unit_test_setup_teardown(test_no_region, start, stop),
        cmocka_unit_test_setup_teardown(test_a_malformed_setting, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
