/*
 * A row of questions, asked one after the other; the first that is answered decides. A value that
 * is there and empty is taken for none. It refuses to mix: a pair of keys comes from one file.
 */
#include "pullthrough/core/aws/aws_profile_source.h"

enum { DURATION_LEAST_S = 900, DURATION_MOST_S = 43200 }; /* STS API, AssumeRole */

struct question {
    const struct aws_profiles *profiles;
    struct slice profile;
    bool as_source;
    struct aws_profile_source *source;
    struct error *error;
};

enum { NOT_SO = 1 }; /* beside 0 and -1: another way is to be looked for */

static struct slice get(const struct question *question, const char *key)
{
    return aws_profiles_get(question->profiles, question->profile, NULL, key);
}

static struct slice first_of(struct slice a, struct slice b)
{
    return a.len > 0 ? a : b;
}

static int fail(const struct question *question, const char *words)
{
    return error_set(question->error, "profile \"%.*s\" %s", SLICE_FMT(question->profile), words);
}

static int read_duration(const struct question *question)
{
    struct slice text = get(question, "duration_seconds");
    unsigned seconds = 0;

    for (size_t i = 0; i < text.len && seconds <= DURATION_MOST_S; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return fail(question, "has a duration_seconds that is not a number");
        seconds = seconds * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (text.len > 0 && (seconds < DURATION_LEAST_S || seconds > DURATION_MOST_S))
        return fail(question, "has a duration_seconds that is not 900 to 43200");
    question->source->duration_s = seconds;
    return 0;
}

static int by_role(const struct question *question)
{
    struct aws_profile_source *source = question->source;

    if (source->role_arn.len == 0 || source->file.len > 0 ||
        (question->as_source && (get(question, "aws_access_key_id").len > 0 ||
                                 get(question, "aws_secret_access_key").len > 0)))
        return NOT_SO;
    source->kind = AWS_PROFILE_ROLE;
    source->source_profile = get(question, "source_profile");
    source->credential_source = get(question, "credential_source");
    source->external_id = get(question, "external_id");
    source->mfa_serial = get(question, "mfa_serial");
    source->key = source->source_profile.len > 0 ? "source_profile" : "credential_source";
    if (source->source_profile.len > 0 && source->credential_source.len > 0)
        return fail(question, "has both source_profile and credential_source");
    if (source->source_profile.len == 0 && source->credential_source.len == 0)
        return fail(question, "has a role_arn and no way to assume it: it wants source_profile, "
                              "credential_source or web_identity_token_file");
    if (source->source_profile.len > 0 &&
        !aws_profiles_has(question->profiles, source->source_profile))
        return error_set(question->error,
                         "profile \"%.*s\" has the source_profile \"%.*s\", which is not there",
                         SLICE_FMT(question->profile), SLICE_FMT(source->source_profile));
    return read_duration(question);
}

static int by_web_identity(const struct question *question)
{
    if (question->source->file.len == 0)
        return NOT_SO;
    question->source->kind = AWS_PROFILE_WEB_IDENTITY;
    if (question->source->role_arn.len == 0)
        return fail(question, "has web_identity_token_file but no role_arn");
    return 0;
}

/* A value of the sso-session section, or of the profile; -1 where they contradict each other. */
static int read_sso(const struct question *question, const char *key, struct slice *value)
{
    struct slice session = question->source->sso_session, own = get(question, key);

    *value = first_of(aws_profiles_get_session(question->profiles, session, key), own);
    if (value->len == 0)
        return error_set(question->error, "profile \"%.*s\" uses SSO and has no %s",
                         SLICE_FMT(question->profile), key);
    if (own.len > 0 && !slice_equal(own, *value))
        return error_set(question->error,
                         "profile \"%.*s\" and its sso-session \"%.*s\" differ in %s",
                         SLICE_FMT(question->profile), SLICE_FMT(session), key);
    return 0;
}

static int by_sso(const struct question *question)
{
    struct aws_profile_source *source = question->source;

    if (get(question, "sso_account_id").len == 0 && get(question, "sso_role_name").len == 0)
        return NOT_SO;
    source->kind = AWS_PROFILE_SSO;
    source->sso_session = get(question, "sso_session");
    source->key = source->sso_session.len > 0 ? "sso_session" : "sso_start_url";
    if (source->sso_session.len > 0 &&
        !aws_profiles_has_session(question->profiles, source->sso_session))
        return error_set(question->error,
                         "profile \"%.*s\" has the sso_session \"%.*s\", which is not there",
                         SLICE_FMT(question->profile), SLICE_FMT(source->sso_session));
    return read_sso(question, "sso_role_name", &source->sso_role) < 0 ||
                   read_sso(question, "sso_account_id", &source->sso_account) < 0 ||
                   read_sso(question, "sso_start_url", &source->sso_start_url) < 0 ||
                   read_sso(question, "sso_region", &source->sso_region) < 0
               ? -1
               : 0;
}

static int by_keys(const struct question *question, enum aws_profile_file file)
{
    struct aws_profile_source *source = question->source;

    source->id =
        aws_profiles_get_from(question->profiles, file, question->profile, "aws_access_key_id");
    source->secret =
        aws_profiles_get_from(question->profiles, file, question->profile, "aws_secret_access_key");
    if (source->id.len == 0)
        return NOT_SO;
    source->kind = AWS_PROFILE_KEYS;
    if (source->secret.len == 0)
        return fail(question, "has only half of a pair of keys");
    source->token = first_of(
        aws_profiles_get_from(question->profiles, file, question->profile,
                              "aws_security_token"), /* the old name */
        aws_profiles_get_from(question->profiles, file, question->profile, "aws_session_token"));
    return 0;
}

static int by_credentials_file(const struct question *question)
{
    return by_keys(question, AWS_PROFILE_CREDENTIALS);
}

static int by_config_file(const struct question *question)
{
    return by_keys(question, AWS_PROFILE_CONFIG);
}

static int by_login(const struct question *question)
{
    struct aws_profile_source *source = question->source;

    source->login_session = get(question, "login_session");
    if (source->login_session.len == 0)
        return NOT_SO;
    source->kind = AWS_PROFILE_LOGIN;
    source->key = "login_session";
    return 0;
}

static int by_process(const struct question *question)
{
    struct aws_profile_source *source = question->source;

    if (get(question, "credential_process").len == 0)
        return NOT_SO;
    source->kind = AWS_PROFILE_PROCESS;
    source->key = "credential_process";
    source->account = get(question, "aws_account_id");
    source->command =
        aws_profiles_get_whole(question->profiles, question->profile, "credential_process");
    if (source->command.len == 0)
        return fail(question, "has a credential_process with a comment or an empty line in it");
    return 0;
}

/* What looks as if something were meant, and nothing is. */
static int by_nothing(const struct question *question)
{
    const char *key = get(question, "sso_session").len > 0     ? "sso_session"
                      : get(question, "sso_start_url").len > 0 ? "sso_start_url"
                                                               : NULL;

    if (get(question, "aws_secret_access_key").len > 0)
        return fail(question, "has only half of a pair of keys");
    if (!key)
        return 0;
    return error_set(question->error,
                     "profile \"%.*s\" has %s, but neither sso_account_id nor sso_role_name: "
                     "aws configure sso --profile %.*s",
                     SLICE_FMT(question->profile), key, SLICE_FMT(question->profile));
}

int aws_profiles_source(const struct aws_profiles *profiles, struct slice profile, bool as_source,
                        struct aws_profile_source *source, struct error *error)
{
    static int (*const ways[])(const struct question *question) = {
        by_role,  by_web_identity, by_sso,         by_credentials_file,
        by_login, by_process,      by_config_file, by_nothing};
    const struct question question = {profiles, profile, as_source, source, error};
    int result = NOT_SO;

    *source = (struct aws_profile_source){
        .role_arn = aws_profiles_get(profiles, profile, NULL, "role_arn"),
        .file = aws_profiles_get(profiles, profile, NULL, "web_identity_token_file"),
        .session = aws_profiles_get(profiles, profile, NULL, "role_session_name"),
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && result == NOT_SO; i++)
        result = ways[i](&question);
    return result;
}
