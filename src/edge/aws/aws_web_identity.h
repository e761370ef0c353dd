/*
 * Keys for a web identity token, by STS AssumeRoleWithWebIdentity: IRSA.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_WEB_IDENTITY_H
#define PULLTHROUGH_EDGE_AWS_AWS_WEB_IDENTITY_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/aws/aws_sender.h"

struct aws_web_identity {
    struct slice role_arn;
    const char *token_file; /* read anew for each exchange: kubelet rotates it */
    struct slice session;   /* empty: "pullthrough-SECONDS" */
};

/* -1 with the reason, with STS's error code and request id where it answered. */
int aws_web_identity_keys(const struct aws_web_identity *identity, struct aws_sender *sender,
                          struct aws_keys *keys, struct error *error);

#endif
