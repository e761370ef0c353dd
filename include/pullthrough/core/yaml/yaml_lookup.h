/*
 * Looking into a yaml_tree as a reader does that has resolved aliases and merge keys ("<<"),
 * without ever expanding them.
 *
 * Aliases can make a small text mean a huge one, or one without end. Every look costs as many
 * nodes as it may touch, and once the budget is spent nothing is found any more.
 */
#ifndef PULLTHROUGH_CORE_YAML_YAML_LOOKUP_H
#define PULLTHROUGH_CORE_YAML_YAML_LOOKUP_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>

struct yaml_lookup {
    size_t budget; /* nodes that may still be touched */
    bool spent;    /* more than that was wanted: what was found is not all */
};

struct yaml_found {
    const struct yaml_node *node; /* never an alias; NULL: nothing */
    bool aliased;                 /* stands elsewhere in the text: an alias or "<<" led there */
};

/* `node` (NULL is allowed), or what it means if it is an alias. */
struct yaml_found yaml_lookup_follow(const struct yaml_node *node, bool aliased);

/* The value of `key`: the last such key's, else the first one's that a "<<" brings. Nothing
 * where `mapping` is none. */
struct yaml_found yaml_lookup_get(struct yaml_lookup *lookup, struct yaml_found mapping,
                                  struct slice key);

/* How many items; 0 where `sequence` is none. Spends as much. */
size_t yaml_lookup_count(struct yaml_lookup *lookup, struct yaml_found sequence);
struct yaml_found yaml_lookup_item(struct yaml_found sequence, size_t index);

/* The text of a scalar, else empty. */
struct slice yaml_lookup_text(struct yaml_found scalar);

typedef void (*yaml_lookup_pair_fn)(void *context, struct slice key, struct yaml_found value);

/* Every pair with a scalar key, also those that another one of the same key hides. */
void yaml_lookup_pairs(struct yaml_lookup *lookup, struct yaml_found mapping,
                       yaml_lookup_pair_fn pair, void *context);

#endif
