/*
 * Whether a text of the configuration is what its key wants: a registry's domain, an account, a
 * region, a pattern, an address, a policy, a path.
 *
 * Each function: 0; or -1 with the reason in error, which reads on after the value and a
 * colon. That the text has no control characters (of a policy: none but line feeds and tabs) is
 * taken for granted (config_scalar).
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_NAMES_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_NAMES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

int config_name_account(struct slice text, struct error *error);
int config_name_region(struct slice text, struct error *error);

/* A domain of an image reference, maybe with a port, that parses back to itself: it has a
 * "." or ":" or is "localhost". At most 253 bytes and a port. */
int config_name_domain(struct slice text, struct error *error);
/* config_name_domain() of a registry that is not a private ECR registry. */
int config_name_upstream(struct slice text, struct error *error);
/* upstreamRegistryUrl of an ECR rule as far as its form goes: no scheme, no path. */
int config_name_url(struct slice text, struct error *error);

/* A pattern of core/image/glob.h for image references. */
int config_name_pattern(struct slice text, struct error *error);
/* Where to listen: config_address(). */
int config_name_listen(struct slice text, struct error *error);
/* A repository policy: a JSON object of at most 10240 bytes (ECR API, RepositoryPolicyText). */
int config_name_policy(struct slice text, struct error *error);
/* A file's path, at most 4095 bytes. */
int config_name_path(struct slice text, struct error *error);

#endif
