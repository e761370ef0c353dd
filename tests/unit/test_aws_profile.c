#include "pullthrough/core/aws/aws_profile.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAY_OUT "eval \"$(aws configure export-credentials --profile p --format env)\""

static struct aws_profiles *profiles_of(const char *credentials, const char *config)
{
    struct aws_profiles *profiles = NULL;
    struct error error;

    if (aws_profiles_new(&profiles, slice_str(credentials), slice_str(config), &error) < 0)
        fail_msg("%s", error.text);
    return profiles;
}

static void check(const struct aws_profiles *profiles, const char *profile, const char *block,
                  const char *key, const char *want)
{
    struct slice got = aws_profiles_get(profiles, slice_str(profile), block, key);

    if (!slice_is(got, want))
        fail_msg("%s %s: \"%.*s\"", profile, key, SLICE_FMT(got));
}

static void test_values(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = profiles_of(
        "\xef\xbb\xbf# a comment\r\n; another\r\n\r\n"
        "[default]\r\n"
        "aws_access_key_id=AKID1\r\n"
        "AWS_Secret_Access_Key = a/b+c= \r\n"
        "\r\n"
        "[other] # behind\n"
        "aws_access_key_id\t=\tAKID2 ; behind a blank\n"
        "aws_secret_access_key = x#y;z\n"
        "empty =\n"
        "aws_access_key_id = AKID3\n"
        "[last]\n"
        "region = eu-north-1",
        "[default]\nregion = us-east-1\noutput = json\n"
        "[profile default]\nregion = us-west-2\n"
        "[default]\nregion = us-east-2\n"
        "[profile   \"two words\"]\nregion = ap-south-1\n"
        "[profile other]\naws_access_key_id = CONFIG\nregion = eu-west-1\n"
        "s3 =\n  max_concurrent_requests = 20\n\tMax_Queue_Size=1000\n# between\nca_bundle = /ca\n"
        "[plain]\nregion = ignored\n"
        "[sso-session s]\nsso_start_url = u\n");

    (void)state;
    check(profiles, "default", NULL, "aws_access_key_id", "AKID1");
    check(profiles, "default", NULL, "aws_secret_access_key", "a/b+c=");
    check(profiles, "default", NULL, "region", "us-west-2");
    check(profiles, "default", NULL, "output", "json");
    check(profiles, "other", NULL, "aws_access_key_id", "AKID3");
    check(profiles, "other", NULL, "aws_secret_access_key", "x#y;z");
    check(profiles, "other", NULL, "empty", "");
    check(profiles, "other", NULL, "region", "eu-west-1");
    check(profiles, "other", NULL, "ca_bundle", "/ca");
    check(profiles, "other", "s3", "max_concurrent_requests", "20");
    check(profiles, "other", "s3", "max_queue_size", "1000");
    check(profiles, "other", NULL, "max_queue_size", "");
    check(profiles, "two words", NULL, "region", "ap-south-1");
    check(profiles, "last", NULL, "region", "eu-north-1");
    check(profiles, "plain", NULL, "region", "");
    check(profiles, "Default", NULL, "region", "");
    assert_true(aws_profiles_has(profiles, slice_str("two words")));
    assert_true(aws_profiles_has(profiles, slice_str("last")));
    assert_false(aws_profiles_has(profiles, slice_str("plain")));
    assert_false(aws_profiles_has(profiles, slice_str("s")));
}

static void test_endpoints(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles =
        profiles_of("", "[profile a]\nservices = mine\nendpoint_url = http://all\n"
                        "[profile b]\nendpoint_url = http://b\n[profile c]\nservices = none\n"
                        "[services mine]\necr =\n  endpoint_url = http://ecr\n"
                        "secrets_manager =\n  endpoint_url = http://sm\n");

    (void)state;
    assert_true(slice_is(aws_profiles_endpoint(profiles, slice_str("a"), "ecr"), "http://ecr"));
    assert_true(
        slice_is(aws_profiles_endpoint(profiles, slice_str("a"), "secrets_manager"), "http://sm"));
    assert_true(slice_is(aws_profiles_endpoint(profiles, slice_str("a"), "sts"), "http://all"));
    assert_true(slice_is(aws_profiles_endpoint(profiles, slice_str("b"), "ecr"), "http://b"));
    assert_true(slice_is(aws_profiles_endpoint(profiles, slice_str("c"), "ecr"), ""));
    assert_true(slice_is(aws_profiles_endpoint(profiles, slice_str("d"), "ecr"), ""));
}

static void test_malformed_files(void **state)
{
    static const struct {
        const char *credentials, *config, *want;
    } rows[] = {
        {"[a]\nhush", "", "credentials:2: a line that is neither a section nor \"key = value\""},
        {"hush = hush", "", "credentials:1: a line before the first section"},
        {"", "\n\n[a", "config:3: a section without its \"]\""},
        {"", "[a] hush", "config:1: a section without its \"]\""},
        {"", "[]", "config:1: a section without a name"},
        {"", "[  ]", "config:1: a section without a name"},
        {"[a]\n= hush", "", "credentials:2: a value without a key"},
        {"[a]\n  hush = hush", "", "credentials:2: an indented line that belongs to nothing"},
        {"[a]\nk =\n  hush", "",
         "credentials:3: a line that is neither a section nor \"key = value\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
        struct error error = {""};

        assert_int_equal(aws_profiles_new(&profiles, slice_str(rows[i].credentials),
                                          slice_str(rows[i].config), &error),
                         -1);
        assert_string_equal(error.text, rows[i].want);
    }
}

static void test_bounds(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(AWS_PROFILE_FILE_MAX + 1);
    struct error error = {""};

    (void)state;
    assert_int_equal(
        aws_profiles_new(&profiles, slice_of("[a]\nk=\0v\n", 9), slice_str(""), &error), -1);
    assert_string_equal(error.text, "credentials:2: a NUL byte");
    strbuf_add_str(&text, "[a]\n");
    for (int i = 0; i < AWS_PROFILE_ENTRIES_MAX; i++)
        strbuf_add_str(&text, "k=v\n");
    assert_int_equal(aws_profiles_new(&profiles, strbuf_slice(&text), slice_str(""), &error), -1);
    assert_string_equal(error.text, "credentials:20001: too many lines");
    while (text.len <= AWS_PROFILE_FILE_MAX)
        strbuf_add_char(&text, '#');
    assert_int_equal(aws_profiles_new(&profiles, slice_str(""), strbuf_slice(&text), &error), -1);
    assert_string_equal(error.text, "config:0: the file is too big");
}

static void test_sources(void **state)
{
    static const struct {
        const char *credentials, *config;
        int want;
        enum aws_profile_kind kind;
        const char *text; /* the id, the role, or the reason */
    } rows[] = {
        {"[p]\naws_access_key_id=A\naws_secret_access_key=hush\naws_session_token=hush", "", 0,
         AWS_PROFILE_KEYS, "A"},
        {"", "[profile p]\naws_access_key_id=A\naws_secret_access_key=hush", 0, AWS_PROFILE_KEYS,
         "A"},
        {"[p]\naws_access_key_id=A\naws_secret_access_key=hush",
         "[profile p]\nsso_session=s\ncredential_process=x", 0, AWS_PROFILE_KEYS, "A"},
        {"", "[profile p]\nrole_arn=arn:r\nweb_identity_token_file=/t\nrole_session_name=s", 0,
         AWS_PROFILE_WEB_IDENTITY, "arn:r"},
        {"", "[profile p]\nregion=us-east-1", 0, AWS_PROFILE_NONE, ""},
        {"", "", 0, AWS_PROFILE_NONE, ""},
        {"[p]\naws_access_key_id=A", "", -1, AWS_PROFILE_NONE,
         "profile \"p\" has only half of a pair of keys"},
        {"[p]\naws_secret_access_key=hush", "", -1, AWS_PROFILE_NONE,
         "profile \"p\" has only half of a pair of keys"},
        {"", "[profile p]\nweb_identity_token_file=/t", -1, AWS_PROFILE_NONE,
         "profile \"p\" has web_identity_token_file but no role_arn"},
        {"", "[profile p]\nrole_arn=arn:r\nsource_profile=q", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses source_profile, which is not supported here; the way out: " WAY_OUT},
        {"[p]\naws_access_key_id=A\naws_secret_access_key=hush",
         "[profile p]\nrole_arn=arn:r\ncredential_source=Ec2InstanceMetadata", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses credential_source, which is not supported here; the way "
         "out: " WAY_OUT},
        {"", "[profile p]\nrole_arn=arn:r", -1, AWS_PROFILE_NONE,
         "profile \"p\" has a role_arn and no way to assume it"},
        {"", "[profile p]\nsso_session=s\nsso_account_id=1", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses sso_session, which is not supported here; the way out: " WAY_OUT},
        {"", "[profile p]\nsso_start_url=u", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses sso_start_url, which is not supported here; the way out: " WAY_OUT},
        {"", "[profile p]\nlogin_session=arn", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses login_session, which is not supported here; the way out: " WAY_OUT},
        {"[p]\ncredential_process=/bin/x --hush", "", -1, AWS_PROFILE_NONE,
         "profile \"p\" uses credential_process, which is not supported here; the way "
         "out: " WAY_OUT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_PROFILES_CLEANUP struct aws_profiles *profiles =
            profiles_of(rows[i].credentials, rows[i].config);
        struct aws_profile_source source;
        struct error error = {""};
        int got = aws_profiles_source(profiles, slice_str("p"), &source, &error);

        if (got != rows[i].want)
            fail_msg("row %zu: %d %s", i, got, error.text);
        if (got < 0) {
            assert_string_equal(error.text, rows[i].text);
            continue;
        }
        assert_int_equal(source.kind, rows[i].kind);
        if (source.kind == AWS_PROFILE_KEYS)
            assert_true(slice_is(source.id, rows[i].text) && slice_is(source.secret, "hush"));
        if (source.kind == AWS_PROFILE_WEB_IDENTITY)
            assert_true(slice_is(source.role_arn, rows[i].text) && slice_is(source.file, "/t") &&
                        slice_is(source.session, "s"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),          cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_malformed_files), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_sources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
