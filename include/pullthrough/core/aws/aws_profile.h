/*
 * The shared files of AWS's tools: ~/.aws/credentials and ~/.aws/config.
 *
 * By the SDKs' reference guide: sections [name] in the one, [default], [profile name] and
 * [services name] in the other; "key = value", keys in any case; comments with "#" or ";" at a
 * line's start or behind a blank; indented "key = value" lines below an empty value are a
 * nested block. What stands in both files counts from the credentials file, what stands
 * twice in one counts from its later place.
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_PROFILE_H
#define PULLTHROUGH_CORE_AWS_AWS_PROFILE_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

enum {
    AWS_PROFILE_FILE_MAX = 1024 * 1024, /* bytes of one file */
    AWS_PROFILE_ENTRIES_MAX = 20000,
};

struct aws_profiles;

/* Read both texts; an empty one is a file that isn't there. Owns (and wipes) copies. -1 with
 * "credentials:LINE: message" or "config:LINE: message", which quotes no value. */
int aws_profiles_new(struct aws_profiles **profilesp, struct slice credentials, struct slice config,
                     struct error *error);
void aws_profiles_free(struct aws_profiles *profiles);
static inline void aws_profiles_cleanup(struct aws_profiles **profilesp)
{
    aws_profiles_free(*profilesp);
}
#define AWS_PROFILES_CLEANUP __attribute__((cleanup(aws_profiles_cleanup)))

/* Whether either file has a section for the profile. */
bool aws_profiles_has(const struct aws_profiles *profiles, struct slice profile);

/* A value of a profile, or of its nested block ("s3", "max_queue_size"; block NULL: none). Empty
 * where there is none. Lives as long as *profiles. */
struct slice aws_profiles_get(const struct aws_profiles *profiles, struct slice profile,
                              const char *block, const char *key);

/* The endpoint_url of a service in the profile's [services ...] section, else the profile's own. */
struct slice aws_profiles_endpoint(const struct aws_profiles *profiles, struct slice profile,
                                   const char *service);

enum aws_profile_kind { AWS_PROFILE_NONE, AWS_PROFILE_KEYS, AWS_PROFILE_WEB_IDENTITY };

struct aws_profile_source {
    enum aws_profile_kind kind;
    struct slice id, secret, token;       /* KEYS */
    struct slice role_arn, file, session; /* WEB_IDENTITY; session may be empty */
};

/* How a profile gets its credentials. NONE: the files say nothing about that. -1 with the
 * reason: half a pair of keys, or a way that isn't supported (SSO, login sessions,
 * credential_process, role_arn with source_profile or credential_source), by its name. */
int aws_profiles_source(const struct aws_profiles *profiles, struct slice profile,
                        struct aws_profile_source *source, struct error *error);

#endif
