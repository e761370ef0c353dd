/*
 * AWS as the configuration wants it to be reached, for the commands and for `serve`.
 */
#ifndef PULLTHROUGH_APP_BASE_AWS_ACCESS_H
#define PULLTHROUGH_APP_BASE_AWS_ACCESS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/aws/aws_client.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/sys/timing.h"

/* What a client tells and asks its owner; `count` and `context` may be NULL. */
struct aws_access {
    struct timing timing;
    void (*count)(void *context, const struct aws_sender_attempt *attempt);
    void *context;
};

/* A new client; nobody is asked yet. The configuration may go. -1 with the reason. */
int aws_access_client(struct aws_client **clientp, const struct config *config,
                      const struct aws_access *access, struct error *error);

/* The same for a command: nothing of this process gets into a core dump, only warnings into the
 * log, as text, and all that a laptop's profiles have may be used. `profile` names one; NULL: by
 * the environment. */
int aws_access_for_command(struct aws_client **clientp, const struct config *config,
                           const char *profile, const struct timing *timing, struct error *error);

/* A client for the registry, which trusts the certificates that are trusted for AWS; `profile` as
 * above. -1 with the reason. */
int aws_access_http(struct http_client **httpp, const struct config *config, const char *profile,
                    const struct timing *timing, struct error *error);

/* The account that the operator names, in the configuration or else in the environment; "" for
 * none. -1 with the reason where the environment's is malformed. */
int aws_access_named_account(char account[static AWS_KEYS_ACCOUNT_BYTES],
                             const struct config *config, struct error *error);

/* The account of the keys, whatever the operator says: their source knows it, else STS is
 * asked. -1 with the reason. */
int aws_access_own_account(char account[static AWS_KEYS_ACCOUNT_BYTES], struct aws_client *client,
                           struct error *error);

/* ECR answers for the registry of the keys: -1 with the reason where the operator names another
 * account, or nobody says whose the keys are. */
int aws_access_check_account(struct aws_client *client, const struct config *config,
                             struct error *error);

#endif
