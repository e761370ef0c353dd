/*
 * The instance metadata service of EC2, version 2 only (a token first, by PUT).
 *
 * AWS_EC2_METADATA_DISABLED, AWS_EC2_METADATA_SERVICE_ENDPOINT, ..._ENDPOINT_MODE (IPv4, IPv6),
 * AWS_METADATA_SERVICE_TIMEOUT (seconds) and ..._NUM_ATTEMPTS are followed. Never through a proxy.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_INSTANCE_H
#define PULLTHROUGH_EDGE_AWS_AWS_INSTANCE_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/timing.h"

struct aws_instance {
    struct http_client *http;              /* borrowed */
    const struct environment *environment; /* borrowed */
    const struct timing *timing;           /* borrowed */
};

enum { AWS_INSTANCE_ABSENT = 1 };

/* The keys of the instance's role. 0; AWS_INSTANCE_ABSENT with the reason: switched off, nobody
 * answers (from a pod: mind the hop limit), or no role is attached; -1 with the reason. */
int aws_instance_keys(const struct aws_instance *instance, struct aws_keys *keys,
                      struct error *error);

/* Append the region. The same returns. */
int aws_instance_region(const struct aws_instance *instance, struct strbuf *region,
                        struct error *error);

#endif
