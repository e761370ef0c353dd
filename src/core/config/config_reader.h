/*
 * YAML nodes to the values of a config_schema mapping, strictly.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_READER_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_READER_H

#include "config_schema.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/yaml/yaml_tree.h"

/* Read `node` (NULL: nothing was written) into the zeroed struct at `base`; what isn't there
 * gets its preset. 0; or -1 with the error (config_error.h): `base` can be released. */
int config_read(const struct config_mapping *mapping, const struct yaml_node *node, void *base,
                struct error *error);

#endif
