/*
 * Names that an ECR pull-through-cache rule is made of: its prefix and its secret.
 *
 * Each function: 0; or -1 with the reason in error, which reads on after the name and a
 * colon.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_ECR_NAMES_H
#define PULLTHROUGH_CORE_CONFIG_ECR_NAMES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

/* ecrRepositoryPrefix, 2 to 30 bytes, without "/" at its end, not ROOT. */
int ecr_name_prefix(struct slice text, struct error *error);

/* The name (ecr-pullthroughcache/...) or ARN of a secret that ECR may read. The reason
 * never holds the text, which may be a password put in the wrong place. */
int ecr_name_secret(struct slice text, struct error *error);

#endif
