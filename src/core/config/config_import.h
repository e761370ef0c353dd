/*
 * Imports an hour, for each upstream.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_IMPORT_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_IMPORT_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/yaml/yaml_tree.h"

enum { CONFIG_PER_HOUR_MAX = 100000 };

/* Make of what import.perHour names one entry for each of the settled upstreams, in their order.
 * `root`: the document, or NULL. -1 where it names something else. */
int config_import_settle(struct config *config, const struct yaml_node *root, struct error *error);

#endif
