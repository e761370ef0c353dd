/*
 * Keys by the AWS CLI's logins: IAM Identity Center (`aws sso login`) and the console's (`aws
 * login`). Logging in needs a browser and is the AWS CLI's; what it left in its cache is used.
 *
 * An access token that is about to expire is exchanged where the cache has what that takes, and the
 * cache is written as the AWS CLI writes it, since the old refresh token may be worth nothing then.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_SSO_H
#define PULLTHROUGH_EDGE_AWS_AWS_SSO_H

#include "aws_profile_keys.h"

/* All borrowed. */
struct aws_sso {
    const struct aws_profile_keys *asked;
    const struct aws_profile_source *source;
    struct slice profile; /* that the source is of */
};

/* -1 with the reason; where a login is over or was never made, with the line to type. */
int aws_sso_keys(const struct aws_sso *sso, struct aws_keys *keys, struct error *error);
int aws_sso_login_keys(const struct aws_sso *sso, struct aws_keys *keys, struct error *error);

#endif
