/*
 * Keys of a role that other keys may take: STS AssumeRole, as a profile asks for it.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_ROLE_H
#define PULLTHROUGH_EDGE_AWS_AWS_ROLE_H

#include "pullthrough/core/aws/aws_profile_source.h"
#include "pullthrough/edge/aws/aws_sender.h"

/* All borrowed. */
struct aws_role {
    const struct aws_profile_source *source;
    struct slice profile;
    struct aws_sender *sender;
    const struct aws_keys *by;
};

/* Where the profile has an mfa_serial, its code is asked for on the terminal. -1 with the reason,
 * with STS's error code and request id where it answered. */
int aws_role_keys(const struct aws_role *role, struct aws_keys *keys, struct error *error);

#endif
