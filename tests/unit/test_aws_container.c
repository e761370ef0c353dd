#include "edge/aws/aws_container.h"

#include "fake_script.h"
#include "fake_surroundings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS                                                                                       \
    "{\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"hush\",\"Token\":\"hushhush\","              \
    "\"AccountId\":\"111122223333\",\"Expiration\":\"2026-11-21T18:00:00.5Z\"}"
#define WHERE "the container credential endpoint: "

struct bench {
    struct fake_script script;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct http_client *http;
    struct aws_container container;
    struct aws_keys keys;
    struct error error;
    char token_file[40];
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int fd;

    assert_non_null(bench);
    bench->server = fake_http_start(fake_script_follow, &bench->script, NULL, NULL);
    fake_surroundings_init(&bench->fake);
    fake_surroundings_set_format(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                 "http://127.0.0.1:%u/v1/credentials",
                                 fake_http_port(bench->server));
    (void)snprintf(bench->token_file, sizeof(bench->token_file), "/tmp/test_container.XXXXXX");
    fd = mkstemp(bench->token_file);
    assert_true(fd >= 0 && close(fd) == 0);
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                          bench->token_file);
    assert_int_equal(http_client_new(&bench->http, &(struct http_client_config){0}, NULL), 0);
    bench->container = (struct aws_container){.http = bench->http,
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
    (void)unlink(bench->token_file);
    free(bench);
    return 0;
}

static void write_token(struct bench *bench, struct slice token)
{
    FILE *file = fopen(bench->token_file, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(token.ptr, 1, token.len, file), token.len);
    assert_int_equal(fclose(file), 0);
}

static int get(struct bench *bench)
{
    return aws_container_keys(&bench->container, &bench->keys, &bench->error);
}

static void check_token(struct bench *bench, size_t i, const char *want)
{
    char value[200];

    fake_script_header(&bench->script, i, "Authorization", value, sizeof(value));
    assert_string_equal(value, want);
}

static void test_keys_with_a_token_that_is_read_each_time(void **state)
{
    struct bench *bench = *state;
    char accept[50];

    fake_script_add(&bench->script, 200, "", KEYS);
    write_token(bench, slice_str("first"));
    if (get(bench) != 0)
        fail_msg("%s", bench->error.text);
    assert_string_equal(bench->keys.id, "ASIA1");
    assert_string_equal(bench->keys.account, "111122223333");
    assert_int_equal(bench->keys.expires_s, FAKE_TIME_S + 6 * 3600);
    assert_true(slice_starts_with(slice_str(bench->script.requests[0].head),
                                  slice_str("GET /v1/credentials\n")));
    fake_script_header(&bench->script, 0, "Accept", accept, sizeof(accept));
    assert_string_equal(accept, "application/json");
    check_token(bench, 0, "first");
    write_token(bench, slice_str("second\n"));
    assert_int_equal(get(bench), 0);
    check_token(bench, 1, "second");
}

static void test_tokens(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->script, 200, "", KEYS);
    write_token(bench, slice_str("from file\r\n"));
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "from variable");
    assert_int_equal(get(bench), 0);
    check_token(bench, 0, "from file");
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", NULL);
    assert_int_equal(get(bench), 0);
    check_token(bench, 1, "from variable");
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_AUTHORIZATION_TOKEN", NULL);
    assert_int_equal(get(bench), 0);
    check_token(bench, 2, "");
}

static void test_tokens_that_are_not_sent(void **state)
{
    static const struct {
        const char *token;
        size_t len;
        const char *want;
    } rows[] = {
        {"hush\nhush", 9, "the container authorization token contains a line break"},
        {"hush\rhush", 9, "the container authorization token contains a line break"},
        {"hush\n\n", 6, "the container authorization token contains a line break"},
        {"hush\0hush", 9, WHERE "the header Authorization would have a line break"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_token(bench, slice_of(rows[i].token, rows[i].len));
        assert_int_equal(get(bench), -1);
        assert_string_equal(bench->error.text, rows[i].want);
    }
    write_token(bench, slice_str(""));
    assert_int_equal(get(bench), -1);
    assert_non_null(strstr(bench->error.text, "is empty"));
    assert_int_equal(unlink(bench->token_file), 0);
    assert_int_equal(get(bench), -1);
    assert_non_null(strstr(bench->error.text, "No such file"));
    assert_int_equal(bench->script.n_requests, 0);
}

static void test_not_set_up(void **state)
{
    struct bench *bench = *state;

    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
    assert_int_equal(get(bench), AWS_CONTAINER_ABSENT);
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "");
    assert_int_equal(get(bench), AWS_CONTAINER_ABSENT);
    fake_surroundings_set(&bench->fake, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/");
    assert_int_equal(get(bench), -1);
    assert_string_equal(bench->error.text, WHERE "10.0.0.1 may not be asked in the clear");
}

static void test_failures(void **state)
{
    static const struct {
        int status;
        const char *body, *want;
        size_t requests;
    } rows[] = {
        {400, "{\"code\":\"AccessDeniedException\",\"message\":\"no association\"}",
         WHERE "AccessDeniedException: no association (HTTP 400)", 1},
        {404, "{\"Code\":\"ResourceNotFoundException\",\"message\":\"hush-token?\"}",
         WHERE "ResourceNotFoundException: ***? (HTTP 404)", 1},
        {403, "", WHERE "no error code (HTTP 403)", 1},
        {500, "", WHERE "no error code (HTTP 500)", 3},
        {429, "", WHERE "no error code (HTTP 429)", 3},
        {200, "<html>", WHERE "malformed JSON at byte 0", 1},
        {200, "{}", WHERE "the answer has no AccessKeyId", 1},
        {302, "", WHERE "no error code (HTTP 302)", 1},
    };
    struct bench *bench = *state;

    write_token(bench, slice_str("hush-token"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_script_clear(&bench->script);
        fake_script_add(&bench->script, rows[i].status, "Location: http://127.0.0.1:1/\r\n",
                        rows[i].body);
        assert_int_equal(get(bench), -1);
        assert_string_equal(bench->error.text, rows[i].want);
        assert_int_equal(bench->script.n_requests, rows[i].requests);
    }
}

static void test_another_try_may_succeed(void **state)
{
    struct bench *bench = *state;

    write_token(bench, slice_str("t"));
    fake_script_add_way(&bench->script, FAKE_HTTP_TRUNCATE);
    fake_script_add(&bench->script, 503, "", "");
    fake_script_add(&bench->script, 200, "", KEYS);
    assert_int_equal(get(bench), 0);
    assert_int_equal(bench->fake.n_waits, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keys_with_a_token_that_is_read_each_time, start, stop),
        cmocka_unit_test_setup_teardown(test_tokens, start, stop),
        cmocka_unit_test_setup_teardown(test_tokens_that_are_not_sent, start, stop),
        cmocka_unit_test_setup_teardown(test_not_set_up, start, stop),
        cmocka_unit_test_setup_teardown(test_failures, start, stop),
        cmocka_unit_test_setup_teardown(test_another_try_may_succeed, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
