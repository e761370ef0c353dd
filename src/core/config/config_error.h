/*
 * What is wrong with a configuration, and where: "LINE:COL: KEY.PATH: message".
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_ERROR_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_ERROR_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stddef.h>

/* Where we are: "upstreams[1].prefix" is {prefix} in {[1]} in {upstreams}. On the stack. */
struct config_place {
    const struct config_place *parent; /* NULL at the root */
    const char *key;                   /* NULL: an item of a list */
    size_t index;
};

/* Write the error and return -1. A NULL node stands at the beginning of the text. */
int config_error(const struct config_place *place, const struct yaml_node *node,
                 struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What a node is, for an error: a scalar's text in quotes, cut so that the reason still
 * fits, or "a list", "a mapping". */
struct config_shown {
    char text[72];
};
struct config_shown config_show(const struct yaml_node *node);

#endif
