#include "pullthrough/core/aws/sso_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define REGISTERED                                                                                 \
    "\"refreshToken\":\"hush2\",\"clientId\":\"c\",\"clientSecret\":\"hush3\","                    \
    "\"registrationExpiresAt\":\"2026-12-01T00:00:00Z\""
#define TOKEN                                                                                      \
    "{\"startUrl\":\"u\",\"region\":\"r\",\"accessToken\":\"hush1\","                              \
    "\"expiresAt\":\"2026-11-29T12:00:00Z\"," REGISTERED "}"
enum { EXPIRES_S = 1795953600, REGISTERED_S = 1796083200 };

static void test_names(void **state)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(200);

    (void)state;
    sso_cache_name(&name, slice_str("my-sso"));
    assert_string_equal(strbuf_str(&name), "0ad374308c5a4e22f723adf10145eafad7c4031c.json");
    strbuf_clear(&name);
    sso_login_cache_name(&name, slice_str("arn"));
    assert_string_equal(strbuf_str(&name),
                        "42e7ab5b52beca9d20fbc05fa6b72c0a48755ada50d340472ab6f1832cbf42ac.json");
}

static void test_a_token(void **state)
{
    SSO_TOKEN_CLEANUP struct sso_token token = {0};
    STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(SSO_TOKEN_MAX);
    struct error error = {""};

    (void)state;
    assert_int_equal(sso_token_read(&token, slice_str(TOKEN), &error), 0);
    assert_true(slice_is(token.access, "hush1"));
    assert_int_equal(token.expires_s, EXPIRES_S);
    assert_true(sso_token_can_refresh(&token, REGISTERED_S - 1));
    assert_false(sso_token_can_refresh(&token, REGISTERED_S));
    sso_encode_refresh(&out, &token);
    assert_string_equal(strbuf_str(&out),
                        "{\"clientId\": \"c\", \"clientSecret\": \"hush3\", \"grantType\": "
                        "\"refresh_token\", \"refreshToken\": \"hush2\"}");
    strbuf_clear(&out);
    assert_int_equal(
        sso_refreshed(
            &out, &token,
            slice_str("{\"accessToken\":\"n1\",\"expiresIn\":60,\"refreshToken\":\"n2\"}"),
            slice_str("u"), slice_str("r"), EXPIRES_S, &error),
        0);
    assert_string_equal(
        strbuf_str(&out),
        "{\"startUrl\": \"u\", \"region\": \"r\", \"accessToken\": \"n1\", \"expiresAt\": "
        "\"2026-11-29T12:01:00Z\", \"clientId\": \"c\", \"clientSecret\": \"hush3\", "
        "\"registrationExpiresAt\": \"2026-12-01T00:00:00Z\", \"refreshToken\": \"n2\"}");
}

/* Of the AWS CLI before it had sessions. */
static void test_an_old_token(void **state)
{
    SSO_TOKEN_CLEANUP struct sso_token token = {0};

    (void)state;
    assert_int_equal(sso_token_read(&token,
                                    slice_str("{\"accessToken\":\"hush\",\"expiresAt\":"
                                              "\"2026-11-29T12:00:00UTC\"}"),
                                    NULL),
                     0);
    assert_int_equal(token.expires_s, EXPIRES_S);
    assert_false(sso_token_can_refresh(&token, 0));
}

static void test_keys(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);
    struct error error = {""};

    (void)state;
    sso_print_target(&out, slice_str("A b&c"), slice_str("111122223333"));
    assert_string_equal(strbuf_str(&out), "/federation/credentials?role_name=A%20b%26c&account_id="
                                          "111122223333");
    assert_int_equal(
        sso_decode_role(&keys,
                        slice_str("{\"roleCredentials\":{\"accessKeyId\":\"A\",\"secretAccessKey\":"
                                  "\"hush\",\"sessionToken\":\"hush2\",\"expiration\":"
                                  "1795953600999}}"),
                        &error),
        0);
    assert_string_equal(keys.secret, "hush");
    assert_int_equal(keys.expires_s, EXPIRES_S);
    assert_int_equal(
        sso_decode_login(
            &keys,
            slice_str("{\"accessToken\":{\"accessKeyId\":\"B\",\"secretAccessKey\":\"hush\","
                      "\"sessionToken\":\"hush2\",\"accountId\":\"111122223333\",\"expiresAt\":"
                      "\"2026-11-29T12:00:00Z\"},\"refreshToken\":\"hush3\"}"),
            &error),
        0);
    assert_string_equal(keys.id, "B");
    assert_string_equal(keys.account, "111122223333");
    assert_int_equal(keys.expires_s, EXPIRES_S);
}

static void check(int result, const struct error *error, const char *want)
{
    assert_int_equal(result, -1);
    assert_string_equal(error->text, want);
}

static void test_what_is_refused(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(1000);
    struct sso_token token;
    static const char *const rows[][2] = {
        {"hush", "malformed JSON at byte 0"},
        {"[]", "the JSON is not an object"},
        {"{\"accessToken\":\"hush\"}", "expiresAt is missing"},
        {"{\"accessToken\":{},\"expiresAt\":\"\"}", "accessToken is not a string"},
        {"{\"accessToken\":\"hush\",\"expiresAt\":\"UTC\"}", "expiresAt is not an RFC 3339 time"},
        {"{\"accessToken\":\"hush\",\"expiresAt\":\"2026-11-29T12:00:00Z\","
         "\"registrationExpiresAt\":\"hush\"}",
         "registrationExpiresAt is not an RFC 3339 time"},
    };
    struct error error = {""};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check(sso_token_read(&token, slice_str(rows[i][0]), &error), &error, rows[i][1]);
        sso_token_fini(&token);
    }
    token = (struct sso_token){0};
    check(sso_refreshed(&out, &token, slice_str("{\"accessToken\":\"h\",\"expiresIn\":99999999}"),
                        slice_str("u"), slice_str("r"), 0, &error),
          &error, "expiresIn is over a year");
    check(sso_refreshed(&out, &token, slice_str("{\"expiresIn\":9}"), slice_str("u"),
                        slice_str("r"), 0, &error),
          &error, "accessToken is missing");
    check(sso_decode_role(&keys, slice_str("{\"roleCredentials\":{}}"), &error), &error,
          "roleCredentials/accessKeyId is missing");
    check(sso_decode_role(&keys,
                          slice_str("{\"roleCredentials\":{\"accessKeyId\":\"A\","
                                    "\"secretAccessKey\":\"h\",\"sessionToken\":\"h\","
                                    "\"expiration\":\"soon\"}}"),
                          &error),
          &error, "roleCredentials/expiration is not a whole number");
    check(sso_decode_login(&keys, slice_str("{\"accessToken\":\"hush\"}"), &error), &error,
          "accessToken/accessKeyId is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_a_token),
        cmocka_unit_test(test_an_old_token),    cmocka_unit_test(test_keys),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
