/*
 * Keys from variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_ACCOUNT_ID.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_ENVIRONMENT_H
#define PULLTHROUGH_EDGE_AWS_AWS_ENVIRONMENT_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/sys/environment.h"

enum { AWS_ENVIRONMENT_ABSENT = 1 };

/* 0; AWS_ENVIRONMENT_ABSENT where neither key is set, which error says; -1: only one of them, or
 * malformed. */
int aws_environment_keys(const struct environment *environment, struct aws_keys *keys,
                         struct error *error);

#endif
