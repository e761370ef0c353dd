/*
 * AWS for the rest of the program: one object that finds the region and the keys, signs,
 * sends, judges and tries again.
 *
 * One thread at a time. Everything blocks: a call for twenty seconds at most, and as long again
 * where keys have to be fetched or renewed; it ends within about a second once `timing` says
 * that the program stops.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_CLIENT_H
#define PULLTHROUGH_EDGE_AWS_AWS_CLIENT_H

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/aws/aws_credentials.h"
#include "pullthrough/edge/aws/aws_sender.h"
#include "pullthrough/edge/aws/aws_settings.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/timing.h"

struct aws_client_config {
    struct aws_spec spec;
    struct environment environment;
    struct timing timing;
    const char *user_agent;
    void (*count)(void *context, const struct aws_sender_attempt *attempt); /* or NULL */
    void *context;
};

struct aws_client;

/* Reads the shared files; asks nobody. -1 with the reason: a malformed setting or file. */
int aws_client_new(struct aws_client **clientp, const struct aws_client_config *config,
                   struct error *error);
void aws_client_free(struct aws_client *client);
static inline void aws_client_cleanup(struct aws_client **clientp)
{
    aws_client_free(*clientp);
}
#define AWS_CLIENT_CLEANUP __attribute__((cleanup(aws_client_cleanup)))

/* The region, by configuration, environment or profile; else the instance is asked. *region lives
 * as long as the client. -1 with the reason in error. */
int aws_client_region(struct aws_client *client, const char **region, struct error *error);

/* The account that the source of the keys named, or "" where it named none; STS and ECR's
 * template answer know it too. *account lives until the next call. -1 with the reason in error. */
int aws_client_account(struct aws_client *client, const char **account, struct error *error);

/* Who gave the keys, once there was a call. */
enum aws_source aws_client_source(const struct aws_client *client);

enum { AWS_CLIENT_REFUSED = AWS_SENDER_REFUSED, AWS_CLIENT_NO_ANSWER = AWS_SENDER_NO_ANSWER };

/* As aws_sender_send(), with the client's keys; keys that the service does not take are
 * renewed once. `failure` may be NULL. */
int aws_client_call(struct aws_client *client, const struct aws_call *call, struct strbuf *answer,
                    struct aws_error *failure, struct error *error);

#endif
