/*
 * The tree as its users see it: which reader a text gets, and looking things up.
 *
 * It refuses UTF-16, which libyaml would read, because offsets into it are useless to an
 * editor of UTF-8 text; and it never resolves an alias or a merge key.
 */
#include "pullthrough/core/yaml/yaml_tree.h"

#include "json_nodes.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/utf8.h"
#include "yaml_builder.h"
#include "yaml_events.h"

#include "yaml_marks.h"

#include <stdlib.h>

struct yaml_tree {
    struct arena arena;
    const struct yaml_node **roots;
    size_t n_roots, n_nodes;
};

static int check_text(struct slice text, const struct yaml_limits *limits, struct error *error)
{
    struct yaml_place place = {.line = 1, .column = 1};
    size_t step;

    if (text.len > limits->max_bytes)
        return error_set(error, "1:1: more than %zu bytes", limits->max_bytes);
    if (text.len >= 2 &&
        (slice_starts_with(text, slice_of("\xff\xfe", 2)) ||
         slice_starts_with(text, slice_of("\xfe\xff", 2)) || !text.ptr[0] || !text.ptr[1]))
        return error_set(error, "1:1: this is UTF-16 or UTF-32; only UTF-8 is read");
    for (size_t at = 0; at < text.len; at += step) {
        step = utf8_length(text.ptr + at, text.len - at);
        if (!step)
            return error_set(error, "%zu:%zu: a byte that is not UTF-8", place.line, place.column);
        place.column++;
        if (text.ptr[at] == '\n')
            place = (struct yaml_place){.line = place.line + 1, .column = 1};
    }
    return 0;
}

static bool may_be_json(struct slice text, size_t from)
{
    while (from < text.len && memchr(" \t\r\n", text.ptr[from], 4))
        from++;
    return from < text.len && (text.ptr[from] == '{' || text.ptr[from] == '[');
}

static bool is_behind(struct yaml_place a, struct yaml_place b)
{
    return a.line != b.line ? a.line > b.line : a.column > b.column;
}

/* Of a text that is neither, the reader that came further knows better what is wrong. */
static int read_text(struct yaml_builder *builder, struct slice text, size_t from,
                     struct error *error)
{
    struct yaml_place problem, json_problem = {0};
    struct error json_error;
    int r;

    if (may_be_json(text, from)) {
        r = json_nodes_read(builder, text, from, &json_problem, &json_error);
        if (r == 0)
            return 0;
        if (r < 0) {
            *error = json_error;
            return error_prefix(error, "%zu:%zu", json_problem.line, json_problem.column);
        }
        yaml_builder_restart(builder);
    }
    if (yaml_events_read(builder, text, from, &problem, error) == 0)
        return 0;
    if (is_behind(json_problem, problem)) {
        *error = json_error;
        problem = json_problem;
    }
    return error_prefix(error, "%zu:%zu", problem.line, problem.column);
}

int yaml_tree_parse(struct yaml_tree **treep, struct slice text, const struct yaml_limits *limits,
                    struct error *error)
{
    YAML_BUILDER_CLEANUP struct yaml_builder builder = {0};
    struct error reason;
    struct yaml_tree *tree;

    if (!error)
        error = &reason;
    if (check_text(text, limits, error) != 0)
        return -1;
    yaml_builder_init(&builder, limits);
    if (read_text(&builder, text, yaml_marks_length(text, 0), error) != 0)
        return -1;
    tree = alloc_zeroed(1, sizeof(*tree));
    *tree = (struct yaml_tree){.arena = builder.arena,
                               .roots = builder.roots,
                               .n_roots = builder.n_roots,
                               .n_nodes = builder.n_nodes};
    builder.arena = (struct arena){0};
    builder.roots = NULL;
    *treep = tree;
    return 0;
}

void yaml_tree_free(struct yaml_tree *tree)
{
    if (!tree)
        return;
    arena_fini(&tree->arena);
    free(tree->roots);
    free(tree);
}

size_t yaml_tree_nodes(const struct yaml_tree *tree)
{
    return tree->n_nodes;
}

size_t yaml_tree_documents(const struct yaml_tree *tree)
{
    return tree->n_roots;
}

const struct yaml_node *yaml_tree_root(const struct yaml_tree *tree, size_t document)
{
    return tree->roots[document];
}

const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (size_t i = mapping->n; i-- > 0;)
        if (mapping->items[i]->kind == YAML_SCALAR && slice_is(mapping->items[i]->text, key))
            return mapping->values[i];
    return NULL;
}
