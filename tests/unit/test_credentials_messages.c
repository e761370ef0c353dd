#include "pullthrough/core/credentials_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS    "\"AccessKeyId\":\"ASIA1\",\"SecretAccessKey\":\"hush\",\"Token\":\"hushhush\""
#define EXPIRES ",\"Expiration\":\"2026-11-21T12:00:00.123456789Z\""

static void test_the_container_endpoint(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error = {""};

    (void)state;
    assert_int_equal(
        credentials_decode_container(
            &keys, slice_str("{" KEYS EXPIRES ",\"AccountId\":\"111122223333\",\"x\":1}"), &error),
        0);
    assert_string_equal(keys.id, "ASIA1");
    assert_string_equal(keys.secret, "hush");
    assert_string_equal(keys.token, "hushhush");
    assert_string_equal(keys.account, "111122223333");
    assert_int_equal(keys.expires_s, 1795262400);
    assert_int_equal(credentials_decode_container(&keys, slice_str("{" KEYS EXPIRES "}"), &error),
                     0);
    assert_string_equal(keys.account, "");
}

static void test_the_instance(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error = {""};

    (void)state;
    assert_int_equal(credentials_decode_instance(
                         &keys,
                         slice_str("{\"Code\":\"Success\",\"LastUpdated\":\"now\",\"Type\":"
                                   "\"AWS-HMAC\"," KEYS EXPIRES "}"),
                         &error),
                     0);
    assert_string_equal(keys.id, "ASIA1");
    assert_int_equal(keys.expires_s, 1795262400);
}

static void test_refusals(void **state)
{
    static const struct {
        bool instance;
        const char *body, *want;
    } rows[] = {
        {false, "", "malformed JSON at byte 0"},
        {false, "[]", "the JSON is no object"},
        {false, "{}", "the answer has no AccessKeyId"},
        {false, "{\"AccessKeyId\":\"A\"}", "the answer has no SecretAccessKey"},
        {false, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\"}", "the answer has no Token"},
        {false, "{" KEYS "}", "the answer has no Expiration"},
        {false, "{" KEYS ",\"Expiration\":1795262400}", "Expiration is no string"},
        {false, "{" KEYS ",\"Expiration\":\"hush\"}", "Expiration is no RFC 3339 time"},
        {false, "{" KEYS EXPIRES ",\"Token\":\"hush\"}", "Token is there twice"},
        {false,
         "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"hu\\nsh\"" EXPIRES "}",
         "the session token contains a line break"},
        {true, "{" KEYS EXPIRES "}", "the answer has no Code"},
        {true, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}",
         "the service says \"AssumeRoleUnauthorizedAccess\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_KEYS_CLEANUP struct aws_keys keys;
        struct error error = {""};
        int got = rows[i].instance
                      ? credentials_decode_instance(&keys, slice_str(rows[i].body), &error)
                      : credentials_decode_container(&keys, slice_str(rows[i].body), &error);

        assert_int_equal(got, -1);
        assert_string_equal(error.text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_container_endpoint),
        cmocka_unit_test(test_the_instance),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
