#include "pullthrough/core/aws/sts_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_identity(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);
    struct sts_identity identity;
    struct error error = {""};

    (void)state;
    sts_encode_identity(&out);
    assert_string_equal(strbuf_str(&out), "Action=GetCallerIdentity&Version=2011-06-15");
    assert_int_equal(
        sts_decode_identity(
            &identity,
            slice_str("<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/"
                      "\">\n <GetCallerIdentityResult>\n  <Arn>arn:aws:sts::111122223333:assumed-"
                      "role/R&amp;D/s</Arn>\n  <UserId>X:s</UserId>\n  <Account>111122223333</"
                      "Account>\n </GetCallerIdentityResult>\n <ResponseMetadata><RequestId>1"
                      "</RequestId></ResponseMetadata></GetCallerIdentityResponse>\n"),
            &error),
        0);
    assert_string_equal(identity.account, "111122223333");
    assert_string_equal(identity.arn, "arn:aws:sts::111122223333:assumed-role/R&D/s");
}

static void test_what_is_no_identity(void **state)
{
    static const char *rows[][2] = {
        {"", "malformed XML: it ends too soon"},
        {"{}", "malformed XML: text outside of elements"},
        {"<Other/>", "the answer has no Account"},
        {"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account><Arn>a</Arn>"
         "</GetCallerIdentityResult></GetCallerIdentityResponse>",
         "the answer's Account is not an account"},
        {"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>"
         "</GetCallerIdentityResult></GetCallerIdentityResponse>",
         "the answer has no Arn"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sts_identity identity;
        struct error error = {""};

        assert_int_equal(sts_decode_identity(&identity, slice_str(rows[i][0]), &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

static void test_the_form(void **state)
{
    const struct sts_web_identity wanted = {
        .role_arn = slice_str("arn:aws:iam::111122223333:role/my role"),
        .session = slice_str("pullthrough-1"),
        .token = slice_str("ey.J-_~+/=&"),
    };
    STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(1000);
    struct error error = {""};

    (void)state;
    assert_int_equal(sts_encode_web_identity(&out, &wanted, &error), 0);
    assert_string_equal(
        strbuf_str(&out),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%"
        "3A111122223333%3Arole%2Fmy%20role&RoleSessionName=pullthrough-1&WebIdentityToken="
        "ey.J-_~%2B%2F%3D%26");
}

static void test_what_is_not_sent(void **state)
{
    static const struct {
        const char *role, *session, *token, *why;
    } rows[] = {
        {"", "ok", "hush", "\"\" is not an ARN of a role"},
        {"role", "ok", "hush", "\"role\" is not an ARN of a role"},
        {"arn:r", "x", "hush", "the role session name must be"},
        {"arn:r", "a b", "hush", "the role session name must be"},
        {"arn:r", "ok", "", "the web identity token has 0 bytes"},
        {"arn:r", "ok", "hush\nhush", "the web identity token has a byte that is not"},
        {"arn:r", "ok", "hush\x80", "the web identity token has a byte that is not"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sts_web_identity wanted = {
            .role_arn = slice_str(rows[i].role),
            .session = slice_str(rows[i].session),
            .token = slice_str(rows[i].token),
        };
        STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(1000);
        struct error error = {""};

        assert_int_equal(sts_encode_web_identity(&out, &wanted, &error), -1);
        if (!strstr(error.text, rows[i].why) || strstr(error.text, "hush"))
            fail_msg("%s", error.text);
    }
}

#define ANSWER(inner)                                                                              \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>" inner      \
    "</Credentials><Audience>sts.amazonaws.com</Audience></AssumeRoleWithWebIdentityResult>"       \
    "</AssumeRoleWithWebIdentityResponse>"

static void test_the_keys(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error = {""};

    (void)state;
    assert_int_equal(
        sts_decode_web_identity(
            &keys,
            slice_str(
                ANSWER("<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>a/b+c</SecretAccessKey>"
                       "<SessionToken>t&#x3d;=</SessionToken><Expiration>2026-11-21T12:00:00Z"
                       "</Expiration>")),
            &error),
        0);
    assert_string_equal(keys.id, "ASIA1");
    assert_string_equal(keys.secret, "a/b+c");
    assert_string_equal(keys.token, "t==");
    assert_int_equal(keys.expires_s, 1795262400);
}

static void test_answers_without_keys(void **state)
{
    static const char *rows[][2] = {
        {ANSWER(""), "the answer has no AccessKeyId"},
        {ANSWER("<AccessKeyId>A</AccessKeyId><SecretAccessKey/>"),
         "the answer has no SecretAccessKey"},
        {ANSWER("<AccessKeyId>A</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>"),
         "the answer has no SessionToken"},
        {ANSWER("<AccessKeyId>A</AccessKeyId><SecretAccessKey>hush</SecretAccessKey><SessionToken>"
                "hush</SessionToken><Expiration>hush</Expiration>"),
         "Expiration is not an RFC 3339 time"},
        {ANSWER("<AccessKeyId>A</AccessKeyId><SecretAccessKey>hush</SecretAccessKey><SessionToken>"
                "hu&#10;sh</SessionToken><Expiration>2026-11-21T12:00:00Z</Expiration>"),
         "the session token contains a line break"},
        {"<a>hush</b>", "malformed XML: an end tag that does not match"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_KEYS_CLEANUP struct aws_keys keys;
        struct error error = {""};

        assert_int_equal(sts_decode_web_identity(&keys, slice_str(rows[i][0]), &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

static void test_a_role_by_keys(void **state)
{
    struct sts_role wanted = {
        .role_arn = slice_str("arn:aws:iam::111122223333:role/r"),
        .session = slice_str("me"),
        .external_id = slice_str("a/b"),
        .mfa_serial = slice_str("arn:aws:iam::1:mfa/me"),
        .mfa_code = slice_str("012345"),
        .duration_s = 3600,
    };
    STRBUF_CLEANUP struct strbuf out = STRBUF_SECRET_INIT(1000);
    struct error error = {""};

    (void)state;
    assert_int_equal(sts_encode_role(&out, &wanted, &error), 0);
    assert_string_equal(strbuf_str(&out),
                        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%"
                        "3A111122223333%3Arole%2Fr&RoleSessionName=me&DurationSeconds=3600&"
                        "ExternalId=a%2Fb&SerialNumber=arn%3Aaws%3Aiam%3A%3A1%3Amfa%2Fme&TokenCode="
                        "012345");
    wanted = (struct sts_role){.role_arn = wanted.role_arn, .session = wanted.session};
    strbuf_clear(&out);
    assert_int_equal(sts_encode_role(&out, &wanted, &error), 0);
    assert_true(slice_ends_with(strbuf_slice(&out), slice_str("role%2Fr&RoleSessionName=me")));
    wanted.mfa_serial = slice_str("m");
    wanted.mfa_code = slice_str("hush12");
    assert_int_equal(sts_encode_role(&out, &wanted, &error), -1);
    assert_string_equal(error.text, "an MFA code is six digits");
}

#define ROLE_ANSWER(arn)                                                                           \
    "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>x</AssumedRoleId>" arn  \
    "</AssumedRoleUser><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>hush"         \
    "</SecretAccessKey><SessionToken>hush2</SessionToken><Expiration>2026-11-21T12:00:00Z"         \
    "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"

static void test_the_keys_of_a_role(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error = {""};

    (void)state;
    assert_int_equal(
        sts_decode_role(
            &keys, slice_str(ROLE_ANSWER("<Arn>arn:aws:sts::111122223333:assumed-role/r/me</Arn>")),
            &error),
        0);
    assert_string_equal(keys.id, "ASIA1");
    assert_string_equal(keys.account, "111122223333");
    assert_int_equal(keys.expires_s, 1795262400);
    assert_int_equal(sts_decode_role(&keys, slice_str(ROLE_ANSWER("<Arn>hush</Arn>")), &error), 0);
    assert_string_equal(keys.account, "");
    assert_int_equal(sts_decode_role(&keys, slice_str(ANSWER("")), &error), -1);
    assert_string_equal(error.text, "the answer has no AccessKeyId");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_role_by_keys), cmocka_unit_test(test_the_keys_of_a_role),
        cmocka_unit_test(test_identity),       cmocka_unit_test(test_what_is_no_identity),
        cmocka_unit_test(test_the_form),       cmocka_unit_test(test_what_is_not_sent),
        cmocka_unit_test(test_the_keys),       cmocka_unit_test(test_answers_without_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
