#include "pullthrough/core/aws/aws_profile.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

static void test_names(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles =
        profiles_of("[default]\n[b]\nregion = x\n[b]\n",
                    "[profile \"two words\"]\n[default]\n[profile b]\n[plain]\n[sso-session s]\n"
                    "[profile last]\n");
    static const char *const names[] = {"default", "b", "two words", "last"};
    struct slice name;
    size_t i = 0;

    (void)state;
    for (; aws_profiles_at(profiles, i, &name); i++)
        assert_true(i < 4 && slice_is(name, names[i]));
    assert_int_equal(i, 4);
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

/* As the AWS CLI (Python's configparser) takes them. */
static void test_sections_that_stand_further_in(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles =
        profiles_of("", "  [profile a]\n    region: eu-west-1\n    output = json\n"
                        "    s3 =\n      k = v\n    ca_bundle = /ca\n"
                        "  [sso-session s]\n  sso_region = eu-west-1\n"
                        "[profile b]\nrole_arn=arn:aws:iam::1:role/r\n[profile c]\nx = 1\n  2\n");

    (void)state;
    check(profiles, "a", NULL, "region", "eu-west-1");
    check(profiles, "a", NULL, "output", "json");
    check(profiles, "a", "s3", "k", "v");
    check(profiles, "a", NULL, "ca_bundle", "/ca");
    check(profiles, "b", NULL, "role_arn", "arn:aws:iam::1:role/r");
    check(profiles, "c", NULL, "x", "1");
    assert_true(aws_profiles_has_session(profiles, slice_str("s")));
    assert_false(aws_profiles_has_session(profiles, slice_str("a")));
    assert_true(
        slice_is(aws_profiles_get_session(profiles, slice_str("s"), "SSO_Region"), "eu-west-1"));
}

static void test_whole_values(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles =
        profiles_of("[a]\nk = v\n", "[profile a]\nk = w\nc = x # y \n"
                                    "d = x \\\n  --more #1\n\t--most\nregion = r\n"
                                    "e = x\n# between\n  y\nf = x\n");
    static const char *const rows[][2] = {
        {"c", "x # y"}, {"d", "x \\\n  --more #1\n\t--most"}, {"e", ""}, {"f", "x"}, {"g", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_true(
            slice_is(aws_profiles_get_whole(profiles, slice_str("a"), rows[i][0]), rows[i][1]));
    check(profiles, "a", NULL, "c", "x");
    check(profiles, "a", NULL, "k", "v");
    assert_true(
        slice_is(aws_profiles_get_from(profiles, AWS_PROFILE_CONFIG, slice_str("a"), "k"), "w"));
    assert_true(slice_is(
        aws_profiles_get_from(profiles, AWS_PROFILE_CREDENTIALS, slice_str("a"), "c"), ""));
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
        {"  hush = hush", "", "credentials:1: a line before the first section"},
        {"[a]\n  k = v\n hush", "",
         "credentials:3: a line that is neither a section nor \"key = value\""},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sections_that_stand_further_in),
        cmocka_unit_test(test_whole_values),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_malformed_files),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
