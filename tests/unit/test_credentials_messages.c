#include "pullthrough/core/aws/credentials_messages.h"

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
        {false, "[]", "the JSON is not an object"},
        {false, "{}", "the answer has no AccessKeyId"},
        {false, "{\"AccessKeyId\":\"A\"}", "the answer has no SecretAccessKey"},
        {false, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\"}", "the answer has no Token"},
        {false, "{" KEYS "}", "the answer has no Expiration"},
        {false, "{" KEYS ",\"Expiration\":1795262400}", "Expiration is not a string"},
        {false, "{" KEYS ",\"Expiration\":\"hush\"}", "Expiration is not an RFC 3339 time"},
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

static void test_places(void **state)
{
    static const struct {
        const char *relative, *full, *url; /* or the reason */
        int want;
        bool plain, direct;
    } rows[] = {
        {"", "", "", CREDENTIALS_NO_PLACE, false, false},
        {"/v2/credentials/1", "", "http://169.254.170.2/v2/credentials/1", 0, true, true},
        {"/r", "http://127.0.0.1/full", "http://169.254.170.2/r", 0, true, true},
        {"", "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials", 0,
         true, true},
        {"", "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials", 0,
         true, true},
        {"", "http://169.254.170.2/x?y=z", "http://169.254.170.2/x?y=z", 0, true, true},
        {"", "http://127.0.0.1:8080", "http://127.0.0.1:8080/", 0, true, true},
        {"", "http://127.8.9.1/", "http://127.8.9.1/", 0, true, true},
        {"", "http://[::1]:1/", "http://[::1]:1/", 0, true, true},
        {"", "http://localhost/", "http://localhost/", 0, true, true},
        {"", "https://credentials.example/x", "https://credentials.example/x", 0, false, false},
        {"", "https://127.0.0.1/x", "https://127.0.0.1/x", 0, false, true},
        {"", "http://credentials.example/", "credentials.example may not be asked in the clear", -1,
         false, false},
        {"", "http://169.254.169.254/", "169.254.169.254 may not be asked in the clear", -1, false,
         false},
        {"", "http://169.254.170.3/", "169.254.170.3 may not be asked in the clear", -1, false,
         false},
        {"", "http://10.0.0.1/", "10.0.0.1 may not be asked in the clear", -1, false, false},
        {"", "http://localhost.example/", "localhost.example may not be asked in the clear", -1,
         false, false},
        {"", "http://[fd00:ec2::254]/", "fd00:ec2::254 may not be asked in the clear", -1, false,
         false},
        {"", "http://169.254.170.2@example/",
         "the URL has an @: user names and passwords are not taken", -1, false, false},
        {"", "file:///etc/passwd", "the URL begins neither with https:// nor with http://", -1,
         false, false},
        {"@example/", "", "the relative URI does not begin with \"/\"", -1, false, false},
        {"/\r\nX: y", "", "the URL's path has a byte that must be escaped", -1, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf url = STRBUF_INIT(3000);
        struct credentials_place place = {0};
        struct error error = {""};
        int got = credentials_container_place(&place, slice_str(rows[i].relative),
                                              slice_str(rows[i].full), &url, &error);

        assert_int_equal(got, rows[i].want);
        assert_string_equal(got < 0 ? error.text : strbuf_str(&url), rows[i].url);
        assert_true(place.plain == rows[i].plain && place.direct == rows[i].direct);
    }
}

static void test_a_process(void **state)
{
    static const struct {
        const char *answer, *why; /* NULL: it is good */
        int64_t expires_s;
        const char *account;
    } rows[] = {
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\"}", NULL, AWS_KEYS_NEVER,
         ""},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\",\"SessionToken\":"
         "\"hush\",\"Expiration\":\"2026-11-21T12:00:00+00:00\",\"AccountId\":\"111122223333\"}",
         NULL, 1795262400, "111122223333"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\"}", "the answer's Version is not 1", 0,
         ""},
        {"{\"Version\":\"1\"}", "Version is not a whole number", 0, ""},
        {"{\"Version\":2}", "the answer's Version is not 1", 0, ""},
        {"{\"Version\":1,\"AccessKeyId\":\"A\"}", "the answer has no SecretAccessKey", 0, ""},
        {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hush\",\"Expiration\":"
         "\"hush\"}",
         "Expiration is not an RFC 3339 time", 0, ""},
        {"hush", "malformed JSON at byte 0", 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_KEYS_CLEANUP struct aws_keys keys;
        struct error error = {""};
        int got = credentials_decode_process(&keys, slice_str(rows[i].answer), &error);

        assert_int_equal(got, rows[i].why ? -1 : 0);
        assert_string_equal(error.text, rows[i].why ? rows[i].why : "");
        if (got < 0)
            continue;
        assert_string_equal(keys.secret, "hush");
        assert_string_equal(keys.account, rows[i].account);
        assert_true(keys.expires_s == rows[i].expires_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process),    cmocka_unit_test(test_the_container_endpoint),
        cmocka_unit_test(test_the_instance), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
