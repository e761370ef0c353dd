/*
 * How a profile of the shared files gets its credentials, in the AWS CLI's order: a role, a web
 * identity, IAM Identity Center (SSO), the keys of the credentials file, a login session, a
 * program, the keys of the config file. Only what is asked for is decided here; nothing is fetched.
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_PROFILE_SOURCE_H
#define PULLTHROUGH_CORE_AWS_AWS_PROFILE_SOURCE_H

#include "pullthrough/core/aws/aws_profile.h"

enum aws_profile_kind {
    AWS_PROFILE_NONE, /* the files say nothing about that */
    AWS_PROFILE_KEYS,
    AWS_PROFILE_WEB_IDENTITY,
    AWS_PROFILE_ROLE, /* by other keys */
    AWS_PROFILE_SSO,
    AWS_PROFILE_LOGIN,
    AWS_PROFILE_PROCESS,
};

/* Slices into the profiles; those of other kinds are empty. */
struct aws_profile_source {
    enum aws_profile_kind kind;
    const char *key;                /* of the file that decided, for messages: "sso_session" */
    struct slice id, secret, token; /* KEYS */
    struct slice role_arn, session; /* WEB_IDENTITY and ROLE; session may be empty */
    struct slice file;              /* WEB_IDENTITY */
    struct slice source_profile;    /* ROLE: this one, */
    struct slice credential_source; /* or this one */
    struct slice external_id, mfa_serial; /* ROLE; may be empty */
    unsigned duration_s;                  /* ROLE; 0: as long as STS gives */
    struct slice sso_session; /* SSO; empty: the old form without a section of its own */
    struct slice sso_start_url, sso_region, sso_account, sso_role; /* SSO */
    struct slice login_session;                                    /* LOGIN */
    struct slice command, account; /* PROCESS; the account may be empty */
};

/* `as_source`: it is the source_profile of another, or of itself: its keys go before its role.
 * -1 with the reason: half a pair of keys, or something is missing or contradicts itself. */
int aws_profiles_source(const struct aws_profiles *profiles, struct slice profile, bool as_source,
                        struct aws_profile_source *source, struct error *error);

#endif
