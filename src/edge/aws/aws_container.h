/*
 * The container credential endpoint: EKS Pod Identity and ECS.
 *
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (at 169.254.170.2) before ..._FULL_URI; the token from
 * AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, read anew each time, before
 * AWS_CONTAINER_AUTHORIZATION_TOKEN. In the clear only to this machine and to the link-local
 * addresses of the two agents, past any proxy; else by https.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_CONTAINER_H
#define PULLTHROUGH_EDGE_AWS_AWS_CONTAINER_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/timing.h"

struct aws_container {
    struct http_client *http;              /* borrowed */
    const struct environment *environment; /* borrowed */
    const struct timing *timing;           /* borrowed */
};

enum { AWS_CONTAINER_ABSENT = 1 };

/* 0; AWS_CONTAINER_ABSENT where neither variable is set; -1 with the reason. Three attempts. */
int aws_container_keys(const struct aws_container *container, struct aws_keys *keys,
                       struct error *error);

#endif
