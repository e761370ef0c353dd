/*
 * Where the keys come from, and keeping them fresh.
 *
 * The chain, first one that is set up: environment, web identity (IRSA), shared files,
 * container endpoint (EKS Pod Identity, ECS), instance metadata. One that is set up and fails
 * is an error, not a reason to go on: the next one would be somebody else's rights.
 *
 * Keys that expire are replaced five to ten minutes before; while that fails the old ones
 * stay in use until they expire (those of an instance beyond that, as AWS asks for), and the
 * next try waits for half a minute to a minute. The source is logged when it is first found.
 *
 * One thread at a time.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_CREDENTIALS_H
#define PULLTHROUGH_EDGE_AWS_AWS_CREDENTIALS_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/aws/aws_sender.h"
#include "pullthrough/edge/sys/environment.h"

enum aws_source {
    AWS_SOURCE_NONE, /* nothing found yet */
    AWS_SOURCE_ENVIRONMENT,
    AWS_SOURCE_WEB_IDENTITY,
    AWS_SOURCE_FILES,
    AWS_SOURCE_CONTAINER,
    AWS_SOURCE_INSTANCE,
};
/* "environment", "web-identity", "shared-files", "container", "instance"; static storage. */
const char *aws_source_name(enum aws_source source);

struct aws_credentials;

/* All borrowed for the life of the object. The sender is for STS; its clock is used too. */
struct aws_credentials *aws_credentials_new(struct aws_sender *sender,
                                            const struct environment *environment);
/* Wipes. */
void aws_credentials_free(struct aws_credentials *credentials);

/* Keys that are good now, as far as known; the caller wipes them. -1 with the reason, which
 * names every source that was looked at. */
int aws_credentials_get(struct aws_credentials *credentials, struct aws_keys *keys,
                        struct error *error);

enum { AWS_CREDENTIALS_SAME = 1 };

/* A service did not take `keys`: fetch anew whatever their age, and replace them. 0;
 * AWS_CREDENTIALS_SAME where the source still gives the same ones; -1 with the reason, and the
 * old ones stay. */
int aws_credentials_renew(struct aws_credentials *credentials, struct aws_keys *keys,
                          struct error *error);

/* Who gave the keys that are in use. */
enum aws_source aws_credentials_source(const struct aws_credentials *credentials);

#endif
