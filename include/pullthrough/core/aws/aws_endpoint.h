/*
 * Where a service is: by AWS's endpoint rules (partition, FIPS, dual-stack), or where the
 * operator says.
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_ENDPOINT_H
#define PULLTHROUGH_CORE_AWS_AWS_ENDPOINT_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

enum aws_service { AWS_ECR, AWS_STS, AWS_SECRETS_MANAGER };
enum { AWS_SERVICE_COUNT = AWS_SECRETS_MANAGER + 1 };

/* "ecr", "sts", "secretsmanager": the name in signatures and metrics; static storage. */
const char *aws_service_name(enum aws_service service);

struct aws_endpoint {
    char url[512];   /* "https://api.ecr.us-east-1.amazonaws.com/" */
    char host[300];  /* the Host header: no port where it is the scheme's own */
    char path[256];  /* "/", or the operator's */
    char region[26]; /* to sign for */
    bool https;      /* false only where the operator's URL says http:// */
};

struct aws_endpoint_options {
    struct slice region;
    struct slice custom; /* a URL that replaces the rules for this service; empty: none */
    bool fips, dual_stack;
};

/* -1 with the reason: no region, a malformed one, a malformed URL, or a custom URL together
 * with FIPS or dual-stack (AWS's rules call that a configuration error, and so do we). */
int aws_endpoint_resolve(struct aws_endpoint *endpoint, enum aws_service service,
                         const struct aws_endpoint_options *options, struct error *error);

#endif
