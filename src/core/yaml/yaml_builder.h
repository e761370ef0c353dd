/*
 * How the readers of YAML and JSON make the nodes of a yaml_tree, inside its limits.
 *
 * A reader adds nodes in the order of the text; each becomes a child of the innermost
 * open collection, or the root of the document. Only core's readers include this.
 */
#ifndef PULLTHROUGH_CORE_YAML_YAML_BUILDER_H
#define PULLTHROUGH_CORE_YAML_YAML_BUILDER_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>

struct yaml_place {
    size_t line, column; /* from 1, in characters */
};

struct yaml_frame {
    struct yaml_node *node;
    size_t first; /* of its children in `pending` */
    bool flow;
};

struct yaml_builder {
    const struct yaml_limits *limits; /* borrowed */
    struct arena arena;               /* the nodes and their texts */
    size_t n_nodes;
    struct yaml_frame *frames; /* the open collections, innermost last */
    size_t n_frames, frames_size;
    struct yaml_node **pending; /* nodes whose collection or document is open */
    size_t n_pending, pending_size;
    const struct yaml_node **roots; /* of the documents that ended; NULL for an empty one */
    size_t n_roots, roots_size;
};

#define YAML_BUILDER_CLEANUP __attribute__((cleanup(yaml_builder_fini)))

/* `limits` must live as long. */
void yaml_builder_init(struct yaml_builder *builder, const struct yaml_limits *limits);
void yaml_builder_fini(struct yaml_builder *builder);
/* Forgets everything that was added. */
void yaml_builder_restart(struct yaml_builder *builder);

/* A new node at `place`, everything else zero. NULL with a reason without its place in error
 * where there are too many. */
struct yaml_node *yaml_builder_add(struct yaml_builder *builder, enum yaml_kind kind,
                                   struct yaml_place place, struct error *error);

/* What is added from now on are the children of `node`. -1 with a reason without its place
 * in error where that is too deep. */
int yaml_builder_open(struct yaml_builder *builder, struct yaml_node *node, bool flow,
                      struct error *error);

/* Ends the innermost open collection and returns it; a mapping has got its pairs. */
struct yaml_node *yaml_builder_close(struct yaml_builder *builder);

/* The innermost open collection, or NULL. */
struct yaml_node *yaml_builder_innermost(const struct yaml_builder *builder);

/* All collections are closed, and at most one node was added since the last document. */
void yaml_builder_end_document(struct yaml_builder *builder);

#endif
