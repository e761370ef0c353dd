/*
 * How AWS is to be reached: region, endpoints, FIPS, dual-stack, CA file; from the program's
 * configuration first, then the environment, then the shared files' profile.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_SETTINGS_H
#define PULLTHROUGH_EDGE_AWS_AWS_SETTINGS_H

#include "pullthrough/core/aws/aws_endpoint.h"
#include "pullthrough/core/aws/aws_profile.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/environment.h"

#include <stdbool.h>

/* What the configuration says; "" or false where it says nothing. The last two are a command's. */
struct aws_spec {
    const char *region;
    const char *endpoints[AWS_SERVICE_COUNT];
    const char *ca_file;
    bool fips, dual_stack;
    const char *profile; /* NULL or "": by the environment. One that is named goes before keys and
                            web identity in the environment, too */
    bool person; /* somebody at a terminal: also what a laptop's profiles have (roles by other keys,
                    SSO, login sessions, credential_process) */
};

struct aws_settings {
    char region[26];                    /* "" while nobody said: ask the instance */
    char *endpoints[AWS_SERVICE_COUNT]; /* NULL: by AWS's rules */
    char *ca_file;                      /* NULL: the system's */
    bool fips, dual_stack;
    char *profile; /* NULL: nobody named one by hand */
    bool person;
};

/* Read the files ~/.aws/credentials and ~/.aws/config, or those that the environment names. A file
 * that isn't there is an empty one. The texts are wiped by aws_profiles_free(). -1 with the reason:
 * unreadable or malformed. */
int aws_settings_read_profiles(struct aws_profiles **profilesp,
                               const struct environment *environment, struct error *error);

/* The same, and find the profile that is to be used: `named` if it isn't empty, else by
 * AWS_PROFILE, by AWS_DEFAULT_PROFILE, or "default"; *profile lives as long as `named` and the
 * environment. -1 also where a profile is named that isn't there. */
int aws_settings_profiles(struct aws_profiles **profilesp, struct slice *profile,
                          struct slice named, const struct environment *environment,
                          struct error *error);

/* Append the path of a file below ~/.aws; nothing where there is no home. */
void aws_settings_print_path(struct strbuf *path, const struct environment *environment,
                             const char *name);

/* The URL that environment or profile set for a service: `variable` is its own, `block` its name in
 * a [services ...] section. Empty for none. Lives as long as environment and profiles. */
struct slice aws_settings_url(const struct environment *environment,
                              const struct aws_profiles *profiles, struct slice profile,
                              const char *variable, const char *block);

/* Fills *settings; every endpoint is tried, so a mistake shows at once. -1 with the reason.
 * aws_settings_fini() afterwards in either case. */
int aws_settings_load(struct aws_settings *settings, const struct aws_spec *spec,
                      const struct environment *environment, struct error *error);
void aws_settings_fini(struct aws_settings *settings);

/* The endpoint of a service by these settings. -1 with the reason in error. */
int aws_settings_endpoint(const struct aws_settings *settings, enum aws_service service,
                          struct aws_endpoint *endpoint, struct error *error);

#endif
