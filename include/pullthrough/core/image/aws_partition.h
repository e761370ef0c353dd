/*
 * AWS partitions: which one a region lies in, and the DNS suffixes of its hosts.
 *
 * From AWS's partitions.json as SDKs carry it; the suffix of dual-stack pull hosts from
 * the ECR documentation.
 */
#ifndef PULLTHROUGH_CORE_IMAGE_AWS_PARTITION_H
#define PULLTHROUGH_CORE_IMAGE_AWS_PARTITION_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct aws_partition {
    const char *name;                /* "aws", "aws-cn": the second part of an ARN */
    const char *region_start;        /* its regions begin so */
    const char *suffix;              /* of API hosts and pull hosts: "amazonaws.com" */
    const char *dual_stack_suffix;   /* of API hosts with IPv6: "api.aws" */
    const char *dual_stack_registry; /* of pull hosts with IPv6: "on.aws"; NULL: none known */
    bool lacks_pull_through; /* ECR documents that it has no pull-through-cache rules there */
};

/* The partition of a region; "aws" for one that none of them claims. Static storage. */
const struct aws_partition *aws_partition_of(struct slice region);

/* Whether it is meant as an ARN, good or bad. */
bool aws_is_arn(struct slice text);

/* All of them, i from 0; NULL behind the last one. */
const struct aws_partition *aws_partition_at(size_t i);

#endif
