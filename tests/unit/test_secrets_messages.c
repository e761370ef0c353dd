#include "pullthrough/core/aws/secrets_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARN "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/ghcr-AbCdEf"

static void test_requests(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

    (void)state;
    secrets_encode_id(&out, "ecr-pullthroughcache/dockerio");
    assert_string_equal(strbuf_str(&out), "{\"SecretId\":\"ecr-pullthroughcache/dockerio\"}");
}

static void test_descriptions(void **state)
{
    static const struct {
        const char *more;
        bool deleted, has_value, default_key;
    } rows[] = {
        {",\"VersionIdsToStages\":{\"1\":[\"AWSPREVIOUS\"],\"2\":[\"X\",\"AWSCURRENT\"]}", false,
         true, true},
        {",\"VersionIdsToStages\":{\"1\":[\"AWSPENDING\"]}", false, false, true},
        {",\"VersionIdsToStages\":{\"1\":\"AWSCURRENT\",\"2\":[7]}", false, false, true},
        {",\"VersionIdsToStages\":null,\"DeletedDate\":null", false, false, true},
        {",\"DeletedDate\":1.7E9", true, false, true},
        {",\"DeletedDate\":\"2026-11-21T12:00:00Z\"", true, false, true},
        {",\"KmsKeyId\":\"alias/aws/secretsmanager\"", false, false, true},
        {",\"KmsKeyId\":\"arn:aws:kms:us-west-2:1:alias/aws/secretsmanager\"", false, false, true},
        {",\"KmsKeyId\":\"arn:aws:kms:us-west-2:111122223333:key/abc\"", false, false, false},
        {",\"KmsKeyId\":null,\"Brand\":{\"new\":[]}", false, false, true},
        {"", false, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000);
        struct secret_description got;
        struct error error = {""};

        arena_init(&arena, 1000);
        strbuf_add_format(&body, "{\"ARN\":\"" ARN "\",\"Name\":\"n\"%s}", rows[i].more);
        if (secrets_decode_description(&got, strbuf_slice(&body), &arena, &error) < 0)
            fail_msg("%s: %s", rows[i].more, error.text);
        assert_string_equal(got.arn, ARN);
        assert_string_equal(got.name, "n");
        if (got.deleted != rows[i].deleted || got.has_value != rows[i].has_value ||
            secrets_has_default_key(&got) != rows[i].default_key)
            fail_msg("%s", rows[i].more);
    }
}

static void test_what_is_no_description(void **state)
{
    static const char *rows[][2] = {
        {"{}", "ARN is missing"},
        {"{\"ARN\":1}", "ARN is not a string"},
        {"[]", "the JSON is not an object"},
        {"", "malformed JSON at byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct secret_description got;
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(secrets_decode_description(&got, slice_str(rows[i][0]), &arena, &error),
                         -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

static void test_values(void **state)
{
    static const struct {
        const char *body;
        int want;
        const char *why;
    } rows[] = {
        {"{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":\\\"hush\\\"}\"}", 0,
         ""},
        {"{\"SecretString\":\"{\\\"x\\\":1,\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":"
         "\\\"hush\\\"}"
         "\",\"Name\":\"n\"}",
         0, ""},
        {"{\"SecretString\":\"hush\"}", 1, "the secret's value: malformed JSON at byte 0"},
        {"{\"SecretString\":\"\"}", 1, "the secret's value: malformed JSON at byte 0"},
        {"{\"SecretString\":\"[\\\"hush\\\"]\"}", 1,
         "the secret's value: the JSON is not an object"},
        {"{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accesstoken\\\":\\\"hush\\\"}\"}", 1,
         "the secret's value has no \"accessToken\""},
        {"{\"SecretString\":\"{\\\"password\\\":\\\"hush\\\"}\"}", 1,
         "the secret's value has no \"username\""},
        {"{\"SecretString\":\"{\\\"username\\\":\\\"\\\",\\\"accessToken\\\":\\\"hush\\\"}\"}", 1,
         "the secret's value has an empty \"username\""},
        {"{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":\\\"\\\"}\"}", 1,
         "the secret's value has an empty \"accessToken\""},
        {"{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":17}\"}", 1,
         "the secret's value: accessToken is not a string"},
        {"{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":\\\"a\\\","
         "\\\"accessToken"
         "\\\":\\\"b\\\"}\"}",
         1, "the secret's value: accessToken is there twice"},
        {"{\"SecretBinary\":\"aHVzaA==\"}", 1,
         "the secret's value is binary; ECR wants a JSON text"},
        {"{\"SecretString\":{\"username\":\"u\"}}", -1, "SecretString is not a string"},
        {"hush", -1, "malformed JSON at byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};

        assert_int_equal(secrets_check_value(slice_str(rows[i].body), &error), rows[i].want);
        assert_string_equal(error.text, rows[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_what_is_no_description),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
