/*
 * YAML text as a tree of nodes that know where they stand.
 *
 * libyaml's events with their marks turned into byte offsets. Nothing is resolved:
 * scalars keep their text and style, aliases stay aliases (with the node that they
 * mean), merge keys are ordinary keys. Two users: the configuration, which is strict
 * about what it finds, and the manifests, which are edited in place.
 *
 * JSON is read too, as far as it is YAML, and beyond that with its tabs, its long keys,
 * its escaped surrogate pairs, and several documents one after the other.
 */
#ifndef PULLTHROUGH_CORE_YAML_YAML_TREE_H
#define PULLTHROUGH_CORE_YAML_YAML_TREE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING, YAML_ALIAS };
enum yaml_style { YAML_PLAIN, YAML_SINGLE_QUOTED, YAML_DOUBLE_QUOTED, YAML_LITERAL, YAML_FOLDED };

struct yaml_node {
    enum yaml_kind kind;
    enum yaml_style style; /* of a scalar */
    bool in_flow;          /* stands inside [...] or {...} */
    bool tagged;           /* an explicit tag, "!!str" or "!thing" */
    bool tagged_str;       /* and it is "!!str" or "!", which go-yaml takes for one */
    bool tagged_merge;     /* and it is "!!merge" or "!", with which "<<" is a merge key */
    bool anchored;         /* "&name" */
    size_t line, column;   /* from 1, in characters; of the anchor or tag where there is one */
    size_t start, end;     /* bytes of the text that is the node, quotes included, without
                              anchor and tag; for collections: of its first and behind its last byte */
    struct slice text;     /* decoded value of a scalar; owned by the tree; NUL-terminated */
    const struct yaml_node *target;  /* of an alias; never NULL */
    const struct yaml_node **items;  /* of a sequence: n items; of a mapping: n keys ... */
    const struct yaml_node **values; /* ... and their n values */
    size_t n;
};

struct yaml_tree; /* all documents of one text */

struct yaml_limits {
    size_t max_bytes; /* of the text */
    size_t max_nodes; /* in all documents */
    size_t max_depth;
};

/* Parse `text`, which is UTF-8, with or without a byte order mark. *treep owns copies: the text
 * may die. -1 with "LINE:COL: message" in error (LINE and COL count from 1, in characters). */
int yaml_tree_parse(struct yaml_tree **treep, struct slice text, const struct yaml_limits *limits,
                    struct error *error);
void yaml_tree_free(struct yaml_tree *tree);
static inline void yaml_tree_cleanup(struct yaml_tree **treep)
{
    yaml_tree_free(*treep);
}
#define YAML_TREE_CLEANUP __attribute__((cleanup(yaml_tree_cleanup)))

/* How many nodes all documents have. */
size_t yaml_tree_nodes(const struct yaml_tree *tree);
size_t yaml_tree_documents(const struct yaml_tree *tree);
/* The root of a document (from 0); NULL for an empty one. */
const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree, size_t document);

/* The value of the last scalar key `key`, NULL if there is none or the node is not a mapping. */
const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key);

/* Whether a plain, untagged scalar is one of YAML's nulls: "", "~", "null", "Null", "NULL". */
bool yaml_node_is_null(const struct yaml_node *node);
/* Whether a scalar is a string in YAML 1.1 as Kubernetes reads it: tagged !!str or "!", or not
 * tagged and quoted, a block, or plain and neither null, boolean nor number. What looks like a time
 * or like "12:30" is a string there. */
bool yaml_node_is_string(const struct yaml_node *node);
/* Whether a key is "<<" as go-yaml takes it (decode.go, isMerge): plain, or tagged !!merge or
 * "!" whatever its quotes; a key that is an alias of one isn't. */
bool yaml_node_is_merge(const struct yaml_node *key);

#endif
