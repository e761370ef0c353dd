#include "edge/aws/aws_instance.h"

#include "fake_script.h"
#include "fake_surroundings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS                                                                                       \
    "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"ASIA1\","                       \
    "\"SecretAccessKey\":\"hush\",\"Token\":\"hushhush\",\"Expiration\":\"2026-11-21T18:00:00Z\"}"

struct bench {
    struct fake_script script;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct http_client *http;
    struct aws_instance instance;
    struct aws_keys keys;
    struct error error;
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->server = fake_http_start(fake_script_follow, &bench->script, NULL, NULL);
    fake_surroundings_init(&bench->fake);
    fake_surroundings_set_format(&bench->fake, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                 "http://127.0.0.1:%u/", fake_http_port(bench->server));
    assert_int_equal(http_client_new(&bench->http, &(struct http_client_config){0}, NULL), 0);
    bench->instance = (struct aws_instance){.http = bench->http,
                                            .environment = &bench->fake.environment,
                                            .timing = &bench->fake.timing};
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    http_client_free(bench->http);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->server);
    free(bench);
    return 0;
}

static void check_request(struct bench *bench, size_t i, const char *first_line, const char *header,
                          const char *want)
{
    char value[200];
    struct slice head = slice_str(bench->script.requests[i].head);

    assert_true(slice_is(slice_of(head.ptr, slice_find(head, '\n')), first_line));
    fake_script_header(&bench->script, i, header, value, sizeof(value));
    assert_string_equal(value, want);
}

static void test_keys(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 200, "", "the-token");
    fake_script_add(&bench->script, 200, "", "my-role\n");
    fake_script_add(&bench->script, 200, "", KEYS);
    if (aws_instance_keys(&bench->instance, &bench->keys, &bench->error) != 0)
        fail_msg("%s", bench->error.text);
    assert_string_equal(bench->keys.id, "ASIA1");
    assert_string_equal(bench->keys.token, "hushhush");
    assert_int_equal(bench->keys.expires_s, FAKE_TIME_S + 6 * 3600);
    assert_int_equal(bench->script.n_requests, 3);
    check_request(bench, 0, "PUT /latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds",
                  "21600");
    check_request(bench, 1, "GET /latest/meta-data/iam/security-credentials/",
                  "X-aws-ec2-metadata-token", "the-token");
    check_request(bench, 2, "GET /latest/meta-data/iam/security-credentials/my-role",
                  "X-aws-ec2-metadata-token", "the-token");
}

static void test_region(void **state)
{
    struct bench *bench = *state;
    STRBUF_CLEANUP struct strbuf region = STRBUF_INIT(100);

    fake_script_add(&bench->script, 200, "", "the-token");
    fake_script_add(&bench->script, 200, "", "eu-north-1");
    assert_int_equal(aws_instance_region(&bench->instance, &region, &bench->error), 0);
    assert_string_equal(strbuf_str(&region), "eu-north-1");
    check_request(bench, 1, "GET /latest/meta-data/placement/region", "X-aws-ec2-metadata-token",
                  "the-token");
}

static void test_a_stale_token_is_replaced_once(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 200, "", "old");
    fake_script_add(&bench->script, 401, "", "");
    fake_script_add(&bench->script, 200, "", "new");
    fake_script_add(&bench->script, 200, "", "role");
    fake_script_add(&bench->script, 200, "", KEYS);
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error), 0);
    check_request(bench, 3, "GET /latest/meta-data/iam/security-credentials/",
                  "X-aws-ec2-metadata-token", "new");

    fake_script_clear(&bench->script);
    fake_script_add(&bench->script, 200, "", "old");
    fake_script_add(&bench->script, 401, "", "");
    fake_script_add(&bench->script, 200, "", "new");
    fake_script_add(&bench->script, 401, "", "");
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error), -1);
    assert_string_equal(bench->error.text,
                        "HTTP 401 for /latest/meta-data/iam/security-credentials/");
    assert_int_equal(bench->script.n_requests, 4);
}

static void test_failures(void **state)
{
    static const struct {
        int status[3];
        const char *body[3];
        size_t requests;
        int want;
        const char *why;
    } rows[] = {
        {{400}, {""}, 1, -1, "HTTP 400 when asked for a token"},
        {{500}, {""}, 1, -1, "HTTP 500 when asked for a token"},
        {{403},
         {""},
         1,
         AWS_INSTANCE_ABSENT,
         "the service answers HTTP 403 to a PUT: no version 2"},
        {{404},
         {""},
         1,
         AWS_INSTANCE_ABSENT,
         "the service answers HTTP 404 to a PUT: no version 2"},
        {{405},
         {""},
         1,
         AWS_INSTANCE_ABSENT,
         "the service answers HTTP 405 to a PUT: no version 2"},
        {{200}, {""}, 1, -1, "the service's token is empty"},
        {{200}, {"a\r\nX-Evil: b"}, 1, -1, "the service's token is not visible ASCII"},
        {{200, 404},
         {"t", ""},
         2,
         AWS_INSTANCE_ABSENT,
         "/latest/meta-data/iam/security-credentials/ is not there (HTTP 404)"},
        {{200, 500}, {"t", ""}, 2, -1, "HTTP 500 for /latest/meta-data/iam/security-credentials/"},
        {{200, 200}, {"t", ""}, 2, -1, "the service names no role"},
        {{200, 200}, {"t", "\nrole"}, 2, -1, "the service names no role"},
        {{200, 200}, {"t", "../../user-data"}, 2, -1, "the service's role has an odd name"},
        {{200, 200}, {"t", "<html>"}, 2, -1, "the service's role has an odd name"},
        {{200, 200, 200},
         {"t", "role", "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}"},
         3,
         -1,
         "the service says \"AssumeRoleUnauthorizedAccess\""},
        {{200, 200, 200}, {"t", "role", "<html>"}, 3, -1, "malformed JSON at byte 0"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_script_clear(&bench->script);
        for (size_t k = 0; k < 3 && rows[i].status[k]; k++)
            fake_script_add(&bench->script, rows[i].status[k], "", rows[i].body[k]);
        assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error),
                         rows[i].want);
        assert_string_equal(bench->error.text, rows[i].why);
        assert_int_equal(bench->script.n_requests, rows[i].requests);
    }
}

static void test_nobody_answers(void **state)
{
    struct bench *bench = *state;

    fake_script_add_way(&bench->script, FAKE_HTTP_TRUNCATE);
    fake_surroundings_set(&bench->fake, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3");
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error),
                     AWS_INSTANCE_ABSENT);
    assert_true(slice_starts_with(slice_str(bench->error.text),
                                  slice_str("no answer (a pod needs a hop limit of 2): ")));
    assert_int_equal(bench->script.n_requests, 3);
    assert_int_equal(bench->fake.n_waits, 2);

    fake_script_clear(&bench->script);
    fake_script_add_way(&bench->script, FAKE_HTTP_HANG);
    fake_surroundings_set(&bench->fake, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "none");
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error),
                     AWS_INSTANCE_ABSENT);
    assert_non_null(strstr(bench->error.text, "timed out after 1"));
    assert_int_equal(bench->script.n_requests, 1);
}

static void test_settings(void **state)
{
    struct bench *bench = *state;

    fake_surroundings_set(&bench->fake, "AWS_EC2_METADATA_DISABLED", "TRUE");
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error),
                     AWS_INSTANCE_ABSENT);
    assert_string_equal(bench->error.text, "switched off by AWS_EC2_METADATA_DISABLED");
    assert_int_equal(bench->script.n_requests, 0);
    fake_surroundings_set(&bench->fake, "AWS_EC2_METADATA_DISABLED", "false");
    fake_surroundings_set(&bench->fake, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254");
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error), -1);
    assert_string_equal(
        bench->error.text,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT: the URL begins neither with https:// nor with http://");
}

static void test_answers_are_bounded(void **state)
{
    struct bench *bench = *state;
    char *many = calloc(1, 5001);

    assert_non_null(many);
    memset(many, 't', 5000);
    fake_script_add(&bench->script, 200, "", many);
    assert_int_equal(aws_instance_keys(&bench->instance, &bench->keys, &bench->error), -1);
    assert_string_equal(bench->error.text, "the answer has over 4096 bytes");
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys, start, stop),
        cmocka_unit_test_setup_teardown(test_region, start, stop),
        cmocka_unit_test_setup_teardown(test_a_stale_token_is_replaced_once, start, stop),
        cmocka_unit_test_setup_teardown(test_failures, start, stop),
        cmocka_unit_test_setup_teardown(test_nobody_answers, start, stop),
        cmocka_unit_test_setup_teardown(test_settings, start, stop),
        cmocka_unit_test_setup_teardown(test_answers_are_bounded, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
