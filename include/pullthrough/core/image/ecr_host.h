/*
 * Host names of private ECR registries, and the partitions they lie in.
 *
 * Forms: AWS's ECR endpoint rules and the kubelet credential provider's matchImages:
 * ACCOUNT.dkr.ecr.REGION.SUFFIX, ACCOUNT.dkr.ecr-fips.REGION.SUFFIX, and dual-stack
 * ACCOUNT.dkr-ecr.REGION.on.aws, ACCOUNT.dkr-ecr-fips.REGION.on.aws.
 */
#ifndef PULLTHROUGH_CORE_IMAGE_ECR_HOST_H
#define PULLTHROUGH_CORE_IMAGE_ECR_HOST_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

/* Whether `domain` (of a reference, maybe with ":443") is a private ECR registry of any
 * account, region and partition. Compared byte by byte, as references are. */
bool ecr_host_matches(struct slice domain);

/* Exactly twelve decimal digits. */
bool ecr_host_is_account(struct slice text);

/* A region's name as far as a host name needs it: 2 to 25 of [a-z0-9-], no dash at an end. */
bool ecr_host_is_region(struct slice text);

/* Append the pull host "ACCOUNT.dkr.ecr.REGION.SUFFIX" of the region's partition; an
 * unknown region is taken to lie in partition "aws". Both must be valid (above). */
void ecr_host_print(struct strbuf *out, struct slice account, struct slice region);

#endif
