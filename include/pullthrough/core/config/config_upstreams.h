/*
 * The upstreams of a configuration, judged as ECR would judge them when it makes their
 * rules: facts of the ECR user guide and API reference, pull through cache rules.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_UPSTREAMS_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_UPSTREAMS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/yaml/yaml_tree.h"

/* Fill in what each upstream leaves to its registry (aliases, url, prefix, secret), then
 * check them alone and against each other. `list` is the node they were read from, NULL for
 * the preset. 0; or -1 with the error. */
int config_upstreams_settle(struct config *config, const struct yaml_node *list,
                            struct error *error);

/* The upstream that has `domain` as its registry or an alias, or -1. Disabled ones count. */
int config_upstreams_find(const struct config *config, struct slice domain);

#endif
