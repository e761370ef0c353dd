/*
 * The shared files of AWS's tools: ~/.aws/credentials and ~/.aws/config.
 *
 * By the SDKs' reference guide: sections [name] in the one, [default], [profile name],
 * [sso-session name] and [services name] in the other; "key = value", keys in any case; comments
 * with "#" or ";" at a line's start or behind a blank; "key = value" lines that stand further in
 * below an empty value are a nested block. What stands in both files counts from the credentials
 * file, what stands twice in one counts from its later place. The AWS CLI takes "key: value" and
 * sections that stand further in as a whole, so we do.
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_PROFILE_H
#define PULLTHROUGH_CORE_AWS_AWS_PROFILE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

enum {
    AWS_PROFILE_FILE_MAX = 1024 * 1024, /* bytes of one file */
    AWS_PROFILE_ENTRIES_MAX = 20000,
};

enum aws_profile_file { AWS_PROFILE_CREDENTIALS, AWS_PROFILE_CONFIG };

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

/* The names of all profiles, each once, the credentials file's first. The i-th; false behind the
 * last. It lives as long as *profiles. */
bool aws_profiles_at(const struct aws_profiles *profiles, size_t i, struct slice *name);

/* A value of a profile, or of its nested block ("s3", "max_queue_size"; block NULL: none). Empty
 * where there is none. Lives as long as *profiles. */
struct slice aws_profiles_get(const struct aws_profiles *profiles, struct slice profile,
                              const char *block, const char *key);

/* The same from one of the files only. */
struct slice aws_profiles_get_from(const struct aws_profiles *profiles, enum aws_profile_file file,
                                   struct slice profile, const char *key);

/* The same with what elsewhere is a comment behind the value, and with the lines that go on with
 * it: for a command, as the AWS CLI reads it. Empty too where comments stand between those. */
struct slice aws_profiles_get_whole(const struct aws_profiles *profiles, struct slice profile,
                                    const char *key);

/* Whether there is a section [sso-session ...], and a value of it. */
bool aws_profiles_has_session(const struct aws_profiles *profiles, struct slice session);
struct slice aws_profiles_get_session(const struct aws_profiles *profiles, struct slice session,
                                      const char *key);

/* The endpoint_url of a service in the profile's [services ...] section, else the profile's own. */
struct slice aws_profiles_endpoint(const struct aws_profiles *profiles, struct slice profile,
                                   const char *service);

#endif
