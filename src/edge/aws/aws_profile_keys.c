/*
 * From profile to profile until one has keys of its own, then back again, a role at a time. A chain
 * that comes back to where it was, or has no end in sight, is refused.
 */
#include "aws_profile_keys.h"

#include "aws_container.h"
#include "aws_environment.h"
#include "aws_instance.h"
#include "aws_process.h"
#include "aws_role.h"
#include "aws_sso.h"
#include "aws_web_identity.h"

enum { CHAIN_MAX = 10, PATH_MAX_BYTES = 4096 };

/* Where the walk is: this profile, and those that led to it. */
struct walk {
    const struct aws_profile_keys *asked;
    struct slice profiles[CHAIN_MAX];
    unsigned n;
    struct error *error;
};

static struct slice profile_of(const struct walk *walk)
{
    return walk->profiles[walk->n - 1];
}

static int by_web_identity(const struct walk *walk, const struct aws_profile_source *source,
                           struct aws_keys *keys)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);
    struct aws_web_identity identity = {.role_arn = source->role_arn, .session = source->session};

    strbuf_add_slice(&path, source->file);
    identity.token_file = strbuf_str(&path);
    return aws_web_identity_keys(&identity, walk->asked->sender, keys, walk->error);
}

static int by_credential_source(const struct walk *walk, const struct aws_profile_source *source,
                                struct aws_keys *keys)
{
    const struct aws_sender *sender = walk->asked->sender;
    const struct environment *environment = walk->asked->environment;
    struct slice name = source->credential_source;
    struct error why = {""};
    int result;

    if (slice_is(name, "Environment"))
        result = aws_environment_keys(environment, keys, &why);
    else if (slice_is(name, "EcsContainer"))
        result = aws_container_keys(
            &(struct aws_container){sender->http, environment, sender->timing}, keys, &why);
    else if (slice_is(name, "Ec2InstanceMetadata"))
        result = aws_instance_keys(
            &(struct aws_instance){sender->http, environment, sender->timing}, keys, &why);
    else
        return error_set(walk->error,
                         "profile \"%.*s\" has the credential_source \"%.*s\"; there are "
                         "Environment, EcsContainer and Ec2InstanceMetadata",
                         SLICE_FMT(profile_of(walk)), SLICE_FMT(name));
    if (result == 0)
        return 0;
    return error_set(walk->error, "profile \"%.*s\": credential_source %.*s has no credentials%s%s",
                     SLICE_FMT(profile_of(walk)), SLICE_FMT(name), why.text[0] ? ": " : "",
                     why.text);
}

static int fetch(struct walk *walk, const struct aws_profile_source *source, struct aws_keys *keys);

/* The keys of the source_profile. */
static int by_profile(struct walk *walk, struct slice profile, struct aws_keys *keys)
{
    struct aws_profile_source source;

    if (aws_profiles_source(walk->asked->profiles, profile, true, &source, walk->error) < 0)
        return -1;
    if (source.kind == AWS_PROFILE_NONE)
        return error_set(walk->error,
                         "profile \"%.*s\" has no credentials, and is the source_profile of "
                         "\"%.*s\"",
                         SLICE_FMT(profile), SLICE_FMT(profile_of(walk)));
    for (unsigned i = 0; i < walk->n && source.kind == AWS_PROFILE_ROLE; i++)
        if (slice_equal(walk->profiles[i], profile))
            return error_set(walk->error,
                             "profile \"%.*s\" comes back to itself by its source_profile",
                             SLICE_FMT(profile));
    if (walk->n == CHAIN_MAX)
        return error_set(walk->error, "over %d profiles lead to one another by source_profile",
                         CHAIN_MAX);
    walk->profiles[walk->n++] = profile;
    if (fetch(walk, &source, keys) < 0)
        return -1;
    walk->n--;
    return 0;
}

static int by_role(struct walk *walk, const struct aws_profile_source *source,
                   struct aws_keys *keys)
{
    AWS_KEYS_CLEANUP struct aws_keys by;
    int result = source->source_profile.len > 0 ? by_profile(walk, source->source_profile, &by)
                                                : by_credential_source(walk, source, &by);

    if (result < 0)
        return -1;
    return aws_role_keys(&(struct aws_role){source, profile_of(walk), walk->asked->sender, &by},
                         keys, walk->error);
}

static int fetch(struct walk *walk, const struct aws_profile_source *source, struct aws_keys *keys)
{
    const struct aws_sso sso = {walk->asked, source, profile_of(walk)};

    switch (source->kind) {
    case AWS_PROFILE_NONE: break;
    case AWS_PROFILE_KEYS:
        return aws_keys_set(keys, source->id, source->secret, source->token, walk->error);
    case AWS_PROFILE_WEB_IDENTITY: return by_web_identity(walk, source, keys);
    case AWS_PROFILE_ROLE: return by_role(walk, source, keys);
    case AWS_PROFILE_SSO: return aws_sso_keys(&sso, keys, walk->error);
    case AWS_PROFILE_LOGIN: return aws_sso_login_keys(&sso, keys, walk->error);
    case AWS_PROFILE_PROCESS:
        return aws_process_keys(source, profile_of(walk), walk->asked->sender->timing, keys,
                                walk->error);
    }
    return -1; /* nobody asks for it */
}

int aws_profile_keys(const struct aws_profile_keys *asked, const struct aws_profile_source *source,
                     struct aws_keys *keys, struct error *error)
{
    struct walk walk = {.asked = asked, .profiles = {asked->profile}, .n = 1, .error = error};

    return fetch(&walk, source, keys);
}
