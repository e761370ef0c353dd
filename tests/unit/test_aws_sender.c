#include "pullthrough/edge/aws/aws_sender.h"

#include "fake_script.h"
#include "fake_surroundings.h"
#include "pullthrough/core/aws/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
    struct fake_script script;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct http_client *http;
    struct aws_settings settings;
    struct aws_sender sender;
    struct aws_keys keys;
    struct aws_call call;
    struct strbuf answer;
    struct aws_error failure;
    struct error error;
    char outcomes[500];
    uint64_t last_duration_ms;
};

static void count(void *context, const struct aws_sender_attempt *attempt)
{
    struct bench *bench = context;
    size_t len = strlen(bench->outcomes);

    (void)snprintf(bench->outcomes + len, sizeof(bench->outcomes) - len, "%s/%s:%s ",
                   aws_service_name(aws_operation_service(attempt->operation)),
                   aws_operation_name(attempt->operation), aws_outcome_name(attempt->outcome));
    bench->last_duration_ms = attempt->duration_ms;
}

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char url[100];

    assert_non_null(bench);
    bench->server = fake_http_start(fake_script_follow, &bench->script, NULL, NULL);
    fake_surroundings_init(&bench->fake);
    assert_int_equal(http_client_new(&bench->http, &(struct http_client_config){0}, NULL), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake_http_port(bench->server));
    (void)snprintf(bench->settings.region, sizeof(bench->settings.region), "us-west-2");
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++) {
        bench->settings.endpoints[i] = strdup(url);
        assert_non_null(bench->settings.endpoints[i]);
    }
    bench->sender = (struct aws_sender){.http = bench->http,
                                        .settings = &bench->settings,
                                        .timing = &bench->fake.timing,
                                        .count = count,
                                        .context = bench};
    assert_int_equal(aws_keys_set(&bench->keys, slice_str("AKID"), slice_str("hush-secret"),
                                  slice_str("hush-token"), NULL),
                     0);
    bench->call = (struct aws_call){.operation = AWS_DESCRIBE_RULES, .body = slice_str("{}")};
    strbuf_init(&bench->answer, 10000);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    strbuf_fini(&bench->answer);
    aws_settings_fini(&bench->settings);
    http_client_free(bench->http);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->server);
    free(bench);
    return 0;
}

static int send_it(struct bench *bench)
{
    return aws_sender_send(&bench->sender, &bench->call, &bench->keys, &bench->answer,
                           &bench->failure, &bench->error);
}

/* Whether request i carries a right signature for the time in its X-Amz-Date. */
static void check_signature(struct bench *bench, size_t i, int64_t time_s)
{
    char host[100], date[100], token[100], authorization[1000], type[100], target[200];
    struct sigv4_signature want;

    fake_script_header(&bench->script, i, "Host", host, sizeof(host));
    fake_script_header(&bench->script, i, "X-Amz-Date", date, sizeof(date));
    fake_script_header(&bench->script, i, "X-Amz-Security-Token", token, sizeof(token));
    fake_script_header(&bench->script, i, "Authorization", authorization, sizeof(authorization));
    fake_script_header(&bench->script, i, "Content-Type", type, sizeof(type));
    fake_script_header(&bench->script, i, "X-Amz-Target", target, sizeof(target));
    assert_int_equal(sigv4_sign(&want, &bench->keys,
                                &(struct sigv4_request){
                                    .method = slice_str("POST"),
                                    .host = slice_str(host),
                                    .path = slice_str("/"),
                                    .content_type = slice_str(type),
                                    .target = slice_str(target),
                                    .body = slice_str(bench->script.requests[i].body),
                                    .region = slice_str("us-west-2"),
                                    .service = slice_str(aws_service_name(
                                        aws_operation_service(bench->call.operation))),
                                },
                                time_s, NULL),
                     0);
    assert_string_equal(date, want.date);
    assert_string_equal(authorization, want.authorization);
    assert_string_equal(token, bench->keys.token);
}

static void test_a_signed_call(void **state)
{
    struct bench *bench = *state;
    char value[200];

    fake_script_add(&bench->script, 200, "x-amzn-RequestId: id-1\r\n", "{\"ok\":1}");
    assert_int_equal(send_it(bench), 0);
    assert_string_equal(strbuf_str(&bench->answer), "{\"ok\":1}");
    assert_int_equal(bench->script.n_requests, 1);
    assert_true(
        slice_starts_with(slice_str(bench->script.requests[0].head), slice_str("POST /\n")));
    assert_string_equal(bench->script.requests[0].body, "{}");
    fake_script_header(&bench->script, 0, "X-Amz-Target", value, sizeof(value));
    assert_string_equal(value,
                        "AmazonEC2ContainerRegistry_V20150921.DescribePullThroughCacheRules");
    fake_script_header(&bench->script, 0, "Content-Type", value, sizeof(value));
    assert_string_equal(value, "application/x-amz-json-1.1");
    check_signature(bench, 0, FAKE_TIME_S);
    assert_string_equal(bench->outcomes, "ecr/DescribePullThroughCacheRules:ok ");
}

static void test_each_service_in_its_own_dress(void **state)
{
    struct bench *bench = *state;
    char value[200];

    fake_script_add(&bench->script, 200, "", "{}");
    bench->call.operation = AWS_DESCRIBE_SECRET;
    assert_int_equal(send_it(bench), 0);
    fake_script_header(&bench->script, 0, "X-Amz-Target", value, sizeof(value));
    assert_string_equal(value, "secretsmanager.DescribeSecret");
    check_signature(bench, 0, FAKE_TIME_S);

    bench->call.operation = AWS_GET_IDENTITY;
    assert_int_equal(send_it(bench), 0);
    fake_script_header(&bench->script, 1, "X-Amz-Target", value, sizeof(value));
    assert_string_equal(value, "");
    fake_script_header(&bench->script, 1, "Content-Type", value, sizeof(value));
    assert_string_equal(value, "application/x-www-form-urlencoded; charset=utf-8");
    check_signature(bench, 1, FAKE_TIME_S);

    assert_int_equal(aws_sender_send(&bench->sender, &bench->call, NULL, &bench->answer,
                                     &bench->failure, &bench->error),
                     0);
    fake_script_header(&bench->script, 2, "Authorization", value, sizeof(value));
    assert_string_equal(value, "");
    fake_script_header(&bench->script, 2, "X-Amz-Date", value, sizeof(value));
    assert_string_equal(value, "");
}

static void test_what_is_tried_again(void **state)
{
    static const struct {
        int status;
        const char *headers, *body;
        unsigned attempts;
        uint64_t first_ms, second_ms; /* waits; half of each range */
        const char *outcome;
    } rows[] = {
        {500, "", "{\"__type\":\"ServerException\"}", 3, 25, 50, "transient"},
        {503, "", "<html>", 3, 25, 50, "transient"},
        {400, "", "{\"__type\":\"ThrottlingException\"}", 3, 500, 1000, "throttled"},
        {429, "", "", 3, 500, 1000, "throttled"},
        {400, "x-amz-retry-after: 700\r\n", "{\"__type\":\"ThrottlingException\"}", 3, 700, 1000,
         "throttled"},
        {503, "Retry-After: 3\r\n", "", 3, 3000, 3000, "transient"},
        {503, "Retry-After: Sat, 21 Nov 2026 12:00:00 GMT\r\n", "", 3, 25, 50, "transient"},
        {503, "x-amz-retry-after: 99999999999999999999\r\n", "", 3, 5025, 5050, "transient"},
        {400, "", "{\"__type\":\"AccessDeniedException\"}", 1, 0, 0, "access-denied"},
        {400, "", "{\"__type\":\"PullThroughCacheRuleNotFoundException\"}", 1, 0, 0, "not-found"},
        {400, "", "{\"__type\":\"InvalidParameterException\"}", 1, 0, 0, "invalid"},
        {400, "", "{\"__type\":\"ExpiredTokenException\"}", 1, 0, 0, "expired-credentials"},
        {400, "", "{\"__type\":\"InvalidSignatureException\"}", 1, 0, 0, "bad-signature"},
        {404, "", "{\"__type\":\"UnknownOperationException\"}", 1, 0, 0, "terminal"},
        {302, "Location: http://elsewhere/\r\n", "", 1, 0, 0, "terminal"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[200];

        fake_script_clear(&bench->script);
        fake_script_add(&bench->script, rows[i].status, rows[i].headers, rows[i].body);
        bench->fake.n_waits = 0;
        bench->outcomes[0] = '\0';
        assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
        assert_int_equal(bench->script.n_requests, rows[i].attempts);
        assert_int_equal(bench->fake.n_waits, rows[i].attempts - 1);
        if (rows[i].attempts == 3) {
            assert_int_equal(bench->fake.waits_ms[0], rows[i].first_ms);
            assert_int_equal(bench->fake.waits_ms[1], rows[i].second_ms);
        }
        (void)snprintf(want, sizeof(want), ":%s ", rows[i].outcome);
        assert_non_null(strstr(bench->outcomes, want));
    }
}

static void test_the_quota_is_not_throttling(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 400, "", "{\"__type\":\"LimitExceededException\"}");
    bench->call.operation = AWS_CREATE_RULE;
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_int_equal(bench->script.n_requests, 1);
    assert_int_equal(bench->failure.class, AWS_ERROR_QUOTA);
}

static void test_another_try_may_succeed(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 500, "", "");
    fake_script_add_way(&bench->script, FAKE_HTTP_TRUNCATE);
    fake_script_add(&bench->script, 200, "", "{}");
    assert_int_equal(send_it(bench), 0);
    assert_string_equal(bench->outcomes, "ecr/DescribePullThroughCacheRules:transient "
                                         "ecr/DescribePullThroughCacheRules:no-answer "
                                         "ecr/DescribePullThroughCacheRules:ok ");
    /* each with a signature of its own time */
    check_signature(bench, 0, FAKE_TIME_S);
    check_signature(bench, 2, bench->fake.wall_s);
}

static void test_no_answer(void **state)
{
    static const enum fake_http_way ways[] = {FAKE_HTTP_CLOSE, FAKE_HTTP_TRUNCATE};
    struct bench *bench = *state;
    char start_of_error[200];

    (void)snprintf(
        start_of_error, sizeof(start_of_error),
        "DescribePullThroughCacheRules at 127.0.0.1:%u: ", fake_http_port(bench->server));
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        fake_script_clear(&bench->script);
        fake_script_add_way(&bench->script, ways[i]);
        assert_int_equal(send_it(bench), AWS_SENDER_NO_ANSWER);
        assert_int_equal(bench->script.n_requests, 3);
        if (!slice_starts_with(slice_str(bench->error.text), slice_str(start_of_error)))
            fail_msg("%s", bench->error.text);
    }
}

/* The monotonic clock of this bench moves by waits alone. */
static void test_the_deadline(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 503, "Retry-After: 60\r\n", "");
    bench->fake.random = UINT32_MAX;
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_int_equal(bench->script.n_requests, 3);
    assert_in_range(bench->fake.waits_ms[0] + bench->fake.waits_ms[1], 10000,
                    AWS_SENDER_DEADLINE_MS);
    bench->fake.monotonic_ms = UINT64_MAX - 5000; /* no wrapping surprise either */
    fake_script_clear(&bench->script);
    fake_script_add(&bench->script, 503, "Retry-After: 60\r\n", "");
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_int_equal(bench->script.n_requests, 3);
}

/* With the real clock: a server that says nothing costs the attempt, then the deadline. */
static void test_a_server_that_hangs(void **state)
{
    static const struct {
        enum aws_operation operation;
        uint64_t attempt_ms, deadline_ms;
        size_t least, most; /* attempts */
    } rows[] = {
        {AWS_DESCRIBE_RULES, 100, 5000, 3, 3},
        {AWS_DESCRIBE_RULES, 150, 400, 2, 3}, /* the third has hardly any time left */
        {AWS_VALIDATE_RULE, 100, 300, 1, 1},
    };
    static struct timing timing; /* the bench outlives this function */
    struct bench *bench = *state;

    timing = timing_of_process();
    bench->sender.timing = &timing;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t start_ms = timing.monotonic_ms(timing.context);

        fake_script_clear(&bench->script);
        fake_script_add_way(&bench->script, FAKE_HTTP_HANG);
        bench->sender.attempt_ms = rows[i].attempt_ms;
        bench->sender.deadline_ms = rows[i].deadline_ms;
        bench->call.operation = rows[i].operation;
        assert_int_equal(send_it(bench), AWS_SENDER_NO_ANSWER);
        assert_non_null(strstr(bench->error.text, "timed out after"));
        assert_in_range(bench->script.n_requests, rows[i].least, rows[i].most);
        assert_true(timing.monotonic_ms(timing.context) - start_ms >= 300);
    }
}

static void test_stopping(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 503, "", "");
    bench->fake.stopped = true;
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_int_equal(bench->script.n_requests, 1);
}

static void test_answers_are_bounded(void **state)
{
    struct bench *bench = *state;
    char *many = calloc(1, 10002);

    assert_non_null(many);
    memset(many, 'x', 10001);
    fake_script_add(&bench->script, 200, "", many);
    assert_int_equal(send_it(bench), -1);
    assert_non_null(strstr(bench->error.text, "the answer has over 10000 bytes"));
    assert_int_equal(bench->script.n_requests, 1);
    assert_string_equal(bench->outcomes, "ecr/DescribePullThroughCacheRules:failed ");
    free(many);
}

#define SKEWED     "{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: x\"}"
#define DOUBTED    "{\"__type\":\"InvalidSignatureException\",\"message\":\"does not match\"}"
#define TEN_LATE   "Date: Sat, 21 Nov 2026 12:10:00 GMT\r\n"
#define FIVE_EARLY "Date: Sat, 21 Nov 2026 11:55:00 GMT\r\n"
#define ONE_LATE   "Date: Sat, 21 Nov 2026 12:01:00 GMT\r\n"
#define SAME       "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n"

static void test_clock_skew(void **state)
{
    static const struct {
        const char *headers, *body;
        size_t requests;
        int64_t skew_s;
    } rows[] = {
        {TEN_LATE, SKEWED, 2, 600},
        {FIVE_EARLY, SKEWED, 2, -300},
        {ONE_LATE, SKEWED, 2, 60},
        {TEN_LATE, "{\"__type\":\"RequestTimeTooSkewed\"}", 2, 600},
        {TEN_LATE, DOUBTED, 2, 600},
        {FIVE_EARLY, DOUBTED, 2, -300},
        {ONE_LATE, DOUBTED, 1, 0}, /* a signature that is simply wrong */
        {SAME, SKEWED, 1, 0},
        {"", SKEWED, 1, 0},
        {"Date: yesterday\r\n", SKEWED, 1, 0},
        {TEN_LATE "Age: 3\r\n", SKEWED, 1, 0}, /* from a cache: shows nothing */
        {TEN_LATE, "{\"__type\":\"AccessDeniedException\"}", 1, 0},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_script_clear(&bench->script);
        fake_script_add(&bench->script, 400, rows[i].headers, rows[i].body);
        fake_script_add(&bench->script, 200, "", "{}");
        bench->sender.skew_s = 0;
        bench->fake.n_waits = 0;
        assert_int_equal(send_it(bench), rows[i].requests == 2 ? 0 : AWS_SENDER_REFUSED);
        assert_int_equal(bench->script.n_requests, rows[i].requests);
        assert_int_equal(bench->sender.skew_s, rows[i].skew_s);
        assert_int_equal(bench->fake.n_waits, 0);
        check_signature(bench, rows[i].requests - 1, FAKE_TIME_S + rows[i].skew_s);
    }
}

static void test_skew_is_corrected_once_a_call_and_kept(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 400, TEN_LATE, SKEWED);
    fake_script_add(&bench->script, 400, "Date: Sat, 21 Nov 2026 12:20:00 GMT\r\n", SKEWED);
    fake_script_add(&bench->script, 200, "", "{}");
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_int_equal(bench->script.n_requests, 2);
    assert_int_equal(bench->sender.skew_s, 600);
    assert_int_equal(aws_sender_now_s(&bench->sender), FAKE_TIME_S + 600);
    assert_int_equal(send_it(bench), 0);
    check_signature(bench, 2, FAKE_TIME_S + 600);
}

static void test_refusals_name_the_request_and_no_secret(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 400, "x-amzn-RequestId: id-7\r\n",
                    "{\"__type\":\"AccessDeniedException\",\"Message\":\"no hush-token, no "
                    "hush-secret\"}");
    assert_int_equal(send_it(bench), AWS_SENDER_REFUSED);
    assert_string_equal(bench->error.text,
                        "DescribePullThroughCacheRules: AccessDeniedException: no ***, no *** "
                        "(HTTP 400, request id id-7)");
    assert_int_equal(bench->failure.class, AWS_ERROR_ACCESS_DENIED);
}

static void test_no_region(void **state)
{
    struct bench *bench = *state;

    bench->settings.region[0] = '\0';
    assert_int_equal(send_it(bench), -1);
    assert_string_equal(bench->error.text, "no AWS region is known");
    assert_int_equal(bench->script.n_requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_signed_call, start, stop),
        cmocka_unit_test_setup_teardown(test_each_service_in_its_own_dress, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_tried_again, start, stop),
        cmocka_unit_test_setup_teardown(test_the_quota_is_not_throttling, start, stop),
        cmocka_unit_test_setup_teardown(test_another_try_may_succeed, start, stop),
        cmocka_unit_test_setup_teardown(test_no_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_the_deadline, start, stop),
        cmocka_unit_test_setup_teardown(test_a_server_that_hangs, start, stop),
        cmocka_unit_test_setup_teardown(test_stopping, start, stop),
        cmocka_unit_test_setup_teardown(test_answers_are_bounded, start, stop),
        cmocka_unit_test_setup_teardown(test_clock_skew, start, stop),
        cmocka_unit_test_setup_teardown(test_skew_is_corrected_once_a_call_and_kept, start, stop),
        cmocka_unit_test_setup_teardown(test_refusals_name_the_request_and_no_secret, start, stop),
        cmocka_unit_test_setup_teardown(test_no_region, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
