/*
 * Keys that a program of the user's prints: credential_process.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_PROCESS_H
#define PULLTHROUGH_EDGE_AWS_AWS_PROCESS_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/aws/aws_profile_source.h"
#include "pullthrough/edge/sys/timing.h"

/* Its words go to the program as they are, without a shell; it has a minute and 64 KiB. -1 with the
 * reason, and what it wrote to standard error where it failed; never its arguments, and nothing
 * that may be a secret. */
int aws_process_keys(const struct aws_profile_source *source, struct slice profile,
                     const struct timing *timing, struct aws_keys *keys, struct error *error);

#endif
