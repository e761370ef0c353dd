/*
 * The keys of a profile of the shared files, in every way that a laptop has: keys, a web identity,
 * a role that other keys take (over as many profiles as it takes), SSO, a login session, a program.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_PROFILE_KEYS_H
#define PULLTHROUGH_EDGE_AWS_AWS_PROFILE_KEYS_H

#include "pullthrough/core/aws/aws_profile_source.h"
#include "pullthrough/edge/aws/aws_sender.h"
#include "pullthrough/edge/sys/environment.h"

/* All borrowed. */
struct aws_profile_keys {
    struct aws_sender *sender;
    const struct environment *environment;
    const struct aws_profiles *profiles;
    struct slice profile; /* the one that was asked for: endpoints are its own */
};

/* `source` is that profile's. 0, or -1 with the reason and, where there is one, what to type. */
int aws_profile_keys(const struct aws_profile_keys *asked, const struct aws_profile_source *source,
                     struct aws_keys *keys, struct error *error);

#endif
