/*
 * Every fetch runs the whole chain: what is set up doesn't change while a process lives, so
 * the same source wins each time, and there is no second way through the code.
 */
#include "pullthrough/edge/aws/aws_credentials.h"

#include "aws_container.h"
#include "aws_environment.h"
#include "aws_instance.h"
#include "aws_profile_keys.h"
#include "aws_web_identity.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/log.h"

#include <openssl/crypto.h>

#include <stdlib.h>

enum {
    EARLY_LEAST_S = 300, /* refresh so long before the end, and up to as much again */
    EARLY_MORE_S = 300,
    RETRY_LEAST_S = 30, /* after a refresh that failed */
    RETRY_MORE_S = 30,
    FILES_S = 600, /* keys in a file don't expire but may be exchanged */
    STALE_S = 60,  /* an end that has passed already is not believed for so long */
};

struct aws_credentials {
    struct aws_sender *sender;
    const struct environment *environment;
    struct aws_keys keys;
    enum aws_source source;
    int64_t refresh_s;   /* when to fetch anew */
    int64_t valid_s;     /* until when the keys may be used */
    struct error failed; /* a person is asked once, and told once; "" until then */
};

/* One link of the chain: 0, NOT_SET_UP with a few words why, or -1. */
enum { NOT_SET_UP = 1 };

const char *aws_source_name(enum aws_source source)
{
    switch (source) {
    case AWS_SOURCE_NONE: return "none";
    case AWS_SOURCE_ENVIRONMENT: return "environment";
    case AWS_SOURCE_WEB_IDENTITY: return "web-identity";
    case AWS_SOURCE_FILES: return "shared-files";
    case AWS_SOURCE_CONTAINER: return "container";
    case AWS_SOURCE_INSTANCE: return "instance";
    }
    return "none";
}

struct aws_credentials *aws_credentials_new(struct aws_sender *sender,
                                            const struct environment *environment)
{
    struct aws_credentials *credentials = alloc_zeroed(1, sizeof(*credentials));

    credentials->sender = sender;
    credentials->environment = environment;
    return credentials;
}

void aws_credentials_free(struct aws_credentials *credentials)
{
    if (!credentials)
        return;
    OPENSSL_cleanse(credentials, sizeof(*credentials));
    free(credentials);
}

/* Whether a profile was named by hand, which the environment is not to be better than. */
static bool is_named(const struct aws_credentials *credentials, struct error *error)
{
    const char *profile = credentials->sender->settings->profile;

    if (profile)
        (void)error_set(error, "not looked at, since a profile is named");
    return profile != NULL;
}

static int from_environment(struct aws_credentials *credentials, struct aws_keys *keys,
                            struct error *error)
{
    if (is_named(credentials, error))
        return NOT_SET_UP;
    return aws_environment_keys(credentials->environment, keys, error);
}

static int from_web_identity(struct aws_credentials *credentials, struct aws_keys *keys,
                             struct error *error)
{
    const struct environment *environment = credentials->environment;
    const struct aws_web_identity identity = {
        .role_arn = environment_get(environment, "AWS_ROLE_ARN"),
        .token_file = environment_text(environment, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        .session = environment_get(environment, "AWS_ROLE_SESSION_NAME"),
    };

    if (is_named(credentials, error))
        return NOT_SET_UP;
    if (!identity.token_file[0]) {
        (void)error_set(error, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        return NOT_SET_UP;
    }
    if (identity.role_arn.len == 0)
        return error_set(error, "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
    return aws_web_identity_keys(&identity, credentials->sender, keys, error);
}

/* What only commands use: a service has an identity of its own, starts no programs, and nobody
 * sits there to log in again. */
static int check_person(const struct aws_credentials *credentials,
                        const struct aws_profile_source *source, struct slice profile,
                        struct error *error)
{
    if (source->kind == AWS_PROFILE_NONE || source->kind == AWS_PROFILE_KEYS ||
        source->kind == AWS_PROFILE_WEB_IDENTITY || credentials->sender->settings->person)
        return 0;
    return error_set(error,
                     "profile \"%.*s\" uses %s, which only commands take; `serve` wants a web "
                     "identity (IRSA), a container's or an instance's credentials, or keys",
                     SLICE_FMT(profile), source->key);
}

static int from_files(struct aws_credentials *credentials, struct aws_keys *keys,
                      struct error *error)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct aws_profile_keys asked = {credentials->sender, credentials->environment, NULL, {0}};
    struct aws_profile_source source;

    if (aws_settings_profiles(&profiles, &asked.profile,
                              slice_str(credentials->sender->settings->profile),
                              credentials->environment, error) < 0 ||
        aws_profiles_source(profiles, asked.profile, false, &source, error) < 0 ||
        check_person(credentials, &source, asked.profile, error) < 0)
        return -1;
    asked.profiles = profiles;
    if (source.kind != AWS_PROFILE_NONE)
        return aws_profile_keys(&asked, &source, keys, error);
    (void)error_set(error, "no keys for profile \"%.*s\"", SLICE_FMT(asked.profile));
    return NOT_SET_UP;
}

static int from_container(struct aws_credentials *credentials, struct aws_keys *keys,
                          struct error *error)
{
    const struct aws_container container = {
        .http = credentials->sender->http,
        .environment = credentials->environment,
        .timing = credentials->sender->timing,
    };
    int result = aws_container_keys(&container, keys, error);

    if (result != AWS_CONTAINER_ABSENT)
        return result;
    (void)error_set(error, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set");
    return NOT_SET_UP;
}

static int from_instance(struct aws_credentials *credentials, struct aws_keys *keys,
                         struct error *error)
{
    const struct aws_instance instance = {
        .http = credentials->sender->http,
        .environment = credentials->environment,
        .timing = credentials->sender->timing,
    };
    int result = aws_instance_keys(&instance, keys, error);

    return result == AWS_INSTANCE_ABSENT ? NOT_SET_UP : result;
}

static const struct link {
    enum aws_source source;
    const char *words;
    int (*fetch)(struct aws_credentials *credentials, struct aws_keys *keys, struct error *error);
} chain[] = {
    {AWS_SOURCE_ENVIRONMENT, "environment", from_environment},
    {AWS_SOURCE_WEB_IDENTITY, "web identity", from_web_identity},
    {AWS_SOURCE_FILES, "shared files", from_files},
    {AWS_SOURCE_CONTAINER, "container endpoint", from_container},
    {AWS_SOURCE_INSTANCE, "instance metadata", from_instance},
};

/* The first source that is set up. */
static int fetch(struct aws_credentials *credentials, struct aws_keys *keys,
                 enum aws_source *source, struct error *error)
{
    STRBUF_CLEANUP struct strbuf looked = STRBUF_INIT(8 * ERROR_TEXT_BYTES);

    for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
        struct error why;
        int result = chain[i].fetch(credentials, keys, &why);

        if (result < 0)
            return error_set(error, "AWS credentials from the %s: %s", chain[i].words, why.text);
        *source = chain[i].source;
        if (result == 0)
            return 0;
        strbuf_add_format(&looked, "%s%s: %s", i > 0 ? "; " : "", chain[i].words, why.text);
    }
    return error_set(error, "no AWS credentials found (%s)%s", strbuf_str(&looked),
                     credentials->sender->settings->person
                         ? "; log in (`aws sso login`, `aws configure`), or name a profile with "
                           "--profile"
                         : "");
}

static uint32_t random_below(const struct aws_credentials *credentials, uint32_t most)
{
    const struct timing *timing = credentials->sender->timing;

    return (uint32_t)((uint64_t)timing->random(timing->context) * most >> 32);
}

static void log_source(enum aws_source source, const struct aws_keys *keys)
{
    if (keys->expires_s == AWS_KEYS_NEVER)
        log_event(LOG_LEVEL_INFO, "AWS credentials found",
                  LOG_TEXT("source", aws_source_name(source)));
    else
        log_event(LOG_LEVEL_INFO, "AWS credentials found",
                  LOG_TEXT("source", aws_source_name(source)),
                  LOG_SIGNED("expiresS", keys->expires_s));
}

static void keep(struct aws_credentials *credentials, const struct aws_keys *keys,
                 enum aws_source source)
{
    int64_t now_s = aws_sender_now_s(credentials->sender);
    int64_t early_s = EARLY_LEAST_S + random_below(credentials, EARLY_MORE_S);
    int64_t left_s;

    if (source != credentials->source)
        log_source(source, keys);
    credentials->keys = *keys;
    credentials->source = source;
    credentials->valid_s = keys->expires_s;
    if (keys->expires_s == AWS_KEYS_NEVER) {
        credentials->refresh_s = source == AWS_SOURCE_FILES ? now_s + FILES_S : AWS_KEYS_NEVER;
        return;
    }
    left_s = keys->expires_s - now_s;
    if (left_s <= 0) /* the instance's service is behind, or our clock is wrong: AWS decides */
        credentials->valid_s = now_s + STALE_S;
    if (left_s <= STALE_S)
        credentials->refresh_s = now_s + (left_s > 2 ? left_s / 2 : STALE_S);
    else
        credentials->refresh_s = keys->expires_s - (early_s < left_s / 2 ? early_s : left_s / 2);
}

static bool are_usable(const struct aws_credentials *credentials, int64_t now_s)
{
    return credentials->source == AWS_SOURCE_INSTANCE ||
           (credentials->source != AWS_SOURCE_NONE && now_s < credentials->valid_s);
}

int aws_credentials_get(struct aws_credentials *credentials, struct aws_keys *keys,
                        struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys fresh;
    int64_t now_s = aws_sender_now_s(credentials->sender);
    enum aws_source source = AWS_SOURCE_NONE;
    struct error problem;

    if (credentials->failed.text[0])
        return error_set(error, "%s", credentials->failed.text);
    if (credentials->source == AWS_SOURCE_NONE || now_s >= credentials->refresh_s) {
        if (fetch(credentials, &fresh, &source, &problem) == 0) {
            keep(credentials, &fresh, source);
        } else if (are_usable(credentials, now_s)) {
            log_event(LOG_LEVEL_WARN, "AWS credentials not refreshed; the old ones stay in use",
                      LOG_TEXT("reason", problem.text));
            credentials->refresh_s =
                now_s + RETRY_LEAST_S + random_below(credentials, RETRY_MORE_S);
        } else {
            if (credentials->sender->settings->person)
                credentials->failed = problem;
            return error_set(error, "%s", problem.text);
        }
    }
    *keys = credentials->keys;
    return 0;
}

int aws_credentials_renew(struct aws_credentials *credentials, struct aws_keys *keys,
                          struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys fresh;
    enum aws_source source = AWS_SOURCE_NONE;

    if (fetch(credentials, &fresh, &source, error) < 0)
        return -1;
    if (strcmp(fresh.id, keys->id) == 0 && strcmp(fresh.token, keys->token) == 0 &&
        strcmp(fresh.secret, keys->secret) == 0)
        return AWS_CREDENTIALS_SAME;
    keep(credentials, &fresh, source);
    *keys = fresh;
    return 0;
}

enum aws_source aws_credentials_source(const struct aws_credentials *credentials)
{
    return credentials->source;
}
