#include "pullthrough/core/aws/aws_profile_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEYS "aws_access_key_id=A\naws_secret_access_key=hush\n"
#define ROLE "[profile p]\nrole_arn=arn:r\n"
#define SSO  "sso_account_id=1\nsso_role_name=R\n"

struct row {
    const char *credentials, *config;
    bool as_source;
    int want;
    enum aws_profile_kind kind;
    const char *text; /* the id, the role, the key that decides, or the reason */
};

/* The AWS CLI's order. */
static const struct row rows[] = {
    {"[p]\n" KEYS "aws_session_token=hush", "", 0, 0, AWS_PROFILE_KEYS, "A"},
    {"", "[profile p]\n" KEYS, 0, 0, AWS_PROFILE_KEYS, "A"},
    {"[p]\n" KEYS, "[profile p]\nsso_session=s\ncredential_process=x", 0, 0, AWS_PROFILE_KEYS, "A"},
    {"", ROLE "web_identity_token_file=/t\nrole_session_name=s\nsource_profile=q", 0, 0,
     AWS_PROFILE_WEB_IDENTITY, "arn:r"},
    {"", ROLE "source_profile=p\n" KEYS, 0, 0, AWS_PROFILE_ROLE, "source_profile"},
    {"", ROLE "source_profile=p\n" KEYS, 1, 0, AWS_PROFILE_KEYS, "A"},
    {"[p]\n" KEYS, ROLE "credential_source=Ec2InstanceMetadata", 0, 0, AWS_PROFILE_ROLE,
     "credential_source"},
    {"[q]", ROLE "source_profile=q\nduration_seconds=900", 1, 0, AWS_PROFILE_ROLE,
     "source_profile"},
    {"[p]\n" KEYS, "[profile p]\n" SSO "sso_start_url=u\nsso_region=r", 0, 0, AWS_PROFILE_SSO,
     "sso_start_url"},
    {"", "[profile p]\n" SSO "sso_session=s\n[sso-session s]\nsso_start_url=u\nsso_region=r", 0, 0,
     AWS_PROFILE_SSO, "sso_session"},
    {"", "[profile p]\nlogin_session=arn\ncredential_process=x\n" KEYS, 0, 0, AWS_PROFILE_LOGIN,
     "login_session"},
    {"[p]\ncredential_process=/bin/x --hush", "[profile p]\n" KEYS, 0, 0, AWS_PROFILE_PROCESS,
     "credential_process"},
    {"", "[profile p]\nregion=us-east-1", 0, 0, AWS_PROFILE_NONE, ""},
    {"", "", 0, 0, AWS_PROFILE_NONE, ""},
    {"[p]\naws_access_key_id=A", "[profile p]\naws_secret_access_key=hush", 0, -1, 0,
     "profile \"p\" has only half of a pair of keys"},
    {"[p]\naws_secret_access_key=hush", "", 0, -1, 0,
     "profile \"p\" has only half of a pair of keys"},
    {"", "[profile p]\nweb_identity_token_file=/t", 0, -1, 0,
     "profile \"p\" has web_identity_token_file but no role_arn"},
    {"", ROLE, 0, -1, 0,
     "profile \"p\" has a role_arn and no way to assume it: it wants source_profile, "
     "credential_source or web_identity_token_file"},
    {"", ROLE "source_profile=p\ncredential_source=Environment", 0, -1, 0,
     "profile \"p\" has both source_profile and credential_source"},
    {"", ROLE "source_profile=q", 0, -1, 0,
     "profile \"p\" has the source_profile \"q\", which is not there"},
    {"", ROLE "source_profile=p\nduration_seconds=1h", 0, -1, 0,
     "profile \"p\" has a duration_seconds that is not a number"},
    {"", ROLE "source_profile=p\nduration_seconds=899", 0, -1, 0,
     "profile \"p\" has a duration_seconds that is not 900 to 43200"},
    {"", ROLE "source_profile=p\nduration_seconds=99999999999999999999", 0, -1, 0,
     "profile \"p\" has a duration_seconds that is not 900 to 43200"},
    {"", "[profile p]\nsso_session=s", 0, -1, 0,
     "profile \"p\" has sso_session, but neither sso_account_id nor sso_role_name: aws configure "
     "sso --profile p"},
    {"", "[profile p]\n" SSO "sso_session=s", 0, -1, 0,
     "profile \"p\" has the sso_session \"s\", which is not there"},
    {"", "[profile p]\nsso_account_id=1\nsso_start_url=u\nsso_region=r", 0, -1, 0,
     "profile \"p\" uses SSO and has no sso_role_name"},
    {"",
     "[profile p]\n" SSO "sso_session=s\nsso_region=q\n[sso-session s]\nsso_region=r\n"
     "sso_start_url=u",
     0, -1, 0, "profile \"p\" and its sso-session \"s\" differ in sso_region"},
    {"", "[profile p]\ncredential_process = hush\n# no\n  hush", 0, -1, 0,
     "profile \"p\" has a credential_process with a comment or an empty line in it"},
};

static const char *text_of(const struct aws_profile_source *source)
{
    static char text[100];
    struct slice slice = source->kind == AWS_PROFILE_KEYS           ? source->id
                         : source->kind == AWS_PROFILE_WEB_IDENTITY ? source->role_arn
                                                                    : slice_str(source->key);

    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(slice));
    return text;
}

static void test_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
        struct aws_profile_source source;
        struct error error = {""};
        int got = aws_profiles_new(&profiles, slice_str(rows[i].credentials),
                                   slice_str(rows[i].config), &error);

        assert_int_equal(got, 0);
        got = aws_profiles_source(profiles, slice_str("p"), rows[i].as_source, &source, &error);
        if (got != rows[i].want)
            fail_msg("row %zu: %d %s", i, got, error.text);
        assert_string_equal(got < 0 ? error.text : text_of(&source), rows[i].text);
        if (got == 0)
            assert_int_equal(source.kind, rows[i].kind);
    }
}

static void test_what_a_source_says(void **state)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct aws_profile_source source;

    (void)state;
    assert_int_equal(
        aws_profiles_new(&profiles,
                         slice_str("[k]\n" KEYS "aws_security_token=old\naws_session_token=hush\n"),
                         slice_str("[profile r]\nrole_arn=arn:r\nsource_profile=k\nexternal_id=e\n"
                                   "mfa_serial=m\nrole_session_name=n\nduration_seconds=3600\n"
                                   "[profile s]\nsso_session=s\nsso_start_url=u\n" SSO
                                   "[sso-session s]\nsso_start_url=u\nsso_region=r\n"
                                   "[profile c]\ncredential_process=x # y\naws_account_id=2\n"),
                         NULL),
        0);
    assert_int_equal(aws_profiles_source(profiles, slice_str("k"), 0, &source, NULL), 0);
    assert_true(slice_is(source.secret, "hush") && slice_is(source.token, "old"));
    assert_int_equal(aws_profiles_source(profiles, slice_str("r"), 0, &source, NULL), 0);
    assert_true(slice_is(source.source_profile, "k") && slice_is(source.external_id, "e") &&
                slice_is(source.mfa_serial, "m") && slice_is(source.session, "n") &&
                source.duration_s == 3600);
    assert_int_equal(aws_profiles_source(profiles, slice_str("s"), 0, &source, NULL), 0);
    assert_true(slice_is(source.sso_start_url, "u") && slice_is(source.sso_region, "r") &&
                slice_is(source.sso_account, "1") && slice_is(source.sso_role, "R"));
    assert_int_equal(aws_profiles_source(profiles, slice_str("c"), 0, &source, NULL), 0);
    assert_true(slice_is(source.command, "x # y") && slice_is(source.account, "2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_what_a_source_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
