/*
 * A tree from a flat run of nodes: children wait on one stack until their collection
 * ends, and are then copied behind it in one piece, so no collection grows twice.
 *
 * It refuses what is over the limits before it allocates for it, and uses no recursion.
 */
#include "yaml_builder.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 16 * 1024 };

void yaml_builder_init(struct yaml_builder *builder, const struct yaml_limits *limits)
{
    *builder = (struct yaml_builder){.limits = limits};
    arena_init(&builder->arena, ARENA_BYTES);
}

void yaml_builder_fini(struct yaml_builder *builder)
{
    arena_fini(&builder->arena);
    free(builder->frames);
    free(builder->pending);
    free(builder->roots);
    *builder = (struct yaml_builder){0};
}

void yaml_builder_restart(struct yaml_builder *builder)
{
    const struct yaml_limits *limits = builder->limits;

    yaml_builder_fini(builder);
    yaml_builder_init(builder, limits);
}

struct yaml_node *yaml_builder_add(struct yaml_builder *builder, enum yaml_kind kind,
                                   struct yaml_place place, struct error *error)
{
    struct yaml_node *node;

    if (builder->n_nodes >= builder->limits->max_nodes) {
        error_set(error, "more than %zu nodes", builder->limits->max_nodes);
        return NULL;
    }
    builder->n_nodes++;
    node = arena_alloc(&builder->arena, sizeof(*node));
    *node = (struct yaml_node){
        .kind = kind,
        .line = place.line,
        .column = place.column,
        .in_flow = builder->n_frames > 0 && builder->frames[builder->n_frames - 1].flow,
        .text = slice_str(""),
    };
    builder->pending = alloc_grown(builder->pending, builder->n_pending, &builder->pending_size,
                                   sizeof(struct yaml_node *));
    builder->pending[builder->n_pending++] = node;
    return node;
}

int yaml_builder_open(struct yaml_builder *builder, struct yaml_node *node, bool flow,
                      struct error *error)
{
    if (builder->n_frames >= builder->limits->max_depth)
        return error_set(error, "nested deeper than %zu levels", builder->limits->max_depth);
    builder->frames = alloc_grown(builder->frames, builder->n_frames, &builder->frames_size,
                                  sizeof(*builder->frames));
    builder->frames[builder->n_frames++] =
        (struct yaml_frame){.node = node, .first = builder->n_pending, .flow = flow};
    return 0;
}

struct yaml_node *yaml_builder_close(struct yaml_builder *builder)
{
    struct yaml_frame *frame = &builder->frames[--builder->n_frames];
    struct yaml_node *node = frame->node, **children = builder->pending + frame->first;
    size_t n = builder->n_pending - frame->first, step = node->kind == YAML_MAPPING ? 2 : 1;
    const struct yaml_node **copies;

    builder->n_pending = frame->first;
    node->n = n / step;
    if (n == 0)
        return node;
    copies = arena_alloc(&builder->arena, n * sizeof(struct yaml_node *));
    node->items = copies;
    node->values = step == 2 ? copies + node->n : NULL;
    for (size_t i = 0; i < n; i++)
        copies[i / step + i % step * node->n] = children[i];
    return node;
}

struct yaml_node *yaml_builder_innermost(const struct yaml_builder *builder)
{
    return builder->n_frames ? builder->frames[builder->n_frames - 1].node : NULL;
}

/* What a document that has no content parses to. */
static bool is_nothing(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->style == YAML_PLAIN && node->start == node->end &&
           !node->tagged && !node->anchored;
}

void yaml_builder_end_document(struct yaml_builder *builder)
{
    const struct yaml_node *root = builder->n_pending ? builder->pending[0] : NULL;

    builder->n_pending = 0;
    builder->roots = alloc_grown(builder->roots, builder->n_roots, &builder->roots_size,
                                 sizeof(struct yaml_node *));
    builder->roots[builder->n_roots++] = root && !is_nothing(root) ? root : NULL;
}
