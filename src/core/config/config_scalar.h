/*
 * One scalar node to the value of one key.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_SCALAR_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_SCALAR_H

#include "config_error.h"
#include "config_schema.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/yaml/yaml_tree.h"

/* Check `node` and store its value in `base`; for every kind but sections and lists. 0; or
 * -1 with the error. */
int config_scalar_read(const struct config_key *key, const struct yaml_node *node, void *base,
                       const struct config_place *place, struct error *error);

/* One text by the key's rules into a new string, also an item of CONFIG_TEXTS. */
int config_scalar_text(const struct config_key *key, const struct yaml_node *node, char **text,
                       const struct config_place *place, struct error *error);

#endif
