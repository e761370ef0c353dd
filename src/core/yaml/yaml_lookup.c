/*
 * Merge keys as go-yaml takes them ("<<" whose value is a mapping or a list of mappings, of
 * which the first that has a key wins). A mapping's own keys win wherever they stand, as YAML's
 * text and go-yaml v3 have it; kubectl's v2 lets a "<<" win over what stands before it.
 *
 * Recursion goes through merge keys only, and not deeper than anybody writes them.
 */
#include "pullthrough/core/yaml/yaml_lookup.h"

enum { MERGES_MAX = 8 }; /* "<<" inside what a "<<" brings, and so on */

static bool spend(struct yaml_lookup *lookup, size_t nodes)
{
    if (lookup->spent || nodes > lookup->budget) {
        lookup->spent = true;
        return false;
    }
    lookup->budget -= nodes;
    return true;
}

struct yaml_found yaml_lookup_follow(const struct yaml_node *node, bool aliased)
{
    if (node && node->kind == YAML_ALIAS)
        return (struct yaml_found){.node = node->target, .aliased = true};
    return (struct yaml_found){.node = node, .aliased = aliased};
}

struct slice yaml_lookup_text(struct yaml_found scalar)
{
    return scalar.node && scalar.node->kind == YAML_SCALAR ? scalar.node->text : slice_str("");
}

static bool is_kind(struct yaml_found found, enum yaml_kind kind)
{
    return found.node && found.node->kind == kind;
}

static bool is_key(const struct yaml_node *node, struct slice key)
{
    struct yaml_found found = yaml_lookup_follow(node, false);

    return is_kind(found, YAML_SCALAR) && !yaml_node_is_merge(node) &&
           slice_equal(found.node->text, key);
}

static struct yaml_found search(struct yaml_lookup *lookup, struct yaml_found mapping,
                                struct slice key, unsigned merges);

static struct yaml_found search_merged(struct yaml_lookup *lookup, const struct yaml_node *value,
                                       struct slice key, unsigned merges)
{
    struct yaml_found merged = yaml_lookup_follow(value, true), found = {0};

    if (!is_kind(merged, YAML_SEQUENCE))
        return search(lookup, merged, key, merges);
    if (!spend(lookup, merged.node->n))
        return found;
    for (size_t i = 0; i < merged.node->n && !found.node; i++)
        found = search(lookup, yaml_lookup_follow(merged.node->items[i], true), key, merges);
    return found;
}

static struct yaml_found search(struct yaml_lookup *lookup, struct yaml_found mapping,
                                struct slice key, unsigned merges)
{
    struct yaml_found found = {0};
    bool merging = false;

    if (!is_kind(mapping, YAML_MAPPING) || !spend(lookup, mapping.node->n + 1))
        return found;
    for (size_t i = mapping.node->n; i-- > 0;) {
        if (is_key(mapping.node->items[i], key))
            return yaml_lookup_follow(mapping.node->values[i], mapping.aliased);
        merging = merging || yaml_node_is_merge(mapping.node->items[i]);
    }
    if (!merging || merges == 0)
        return found;
    for (size_t i = 0; i < mapping.node->n && !found.node; i++)
        if (yaml_node_is_merge(mapping.node->items[i]))
            found = search_merged(lookup, mapping.node->values[i], key, merges - 1);
    return found;
}

struct yaml_found yaml_lookup_get(struct yaml_lookup *lookup, struct yaml_found mapping,
                                  struct slice key)
{
    return search(lookup, mapping, key, MERGES_MAX);
}

size_t yaml_lookup_count(struct yaml_lookup *lookup, struct yaml_found sequence)
{
    if (!is_kind(sequence, YAML_SEQUENCE) || !spend(lookup, sequence.node->n))
        return 0;
    return sequence.node->n;
}

struct yaml_found yaml_lookup_item(struct yaml_found sequence, size_t index)
{
    return yaml_lookup_follow(sequence.node->items[index], sequence.aliased);
}

struct visit {
    struct yaml_lookup *lookup;
    yaml_lookup_pair_fn pair;
    void *context;
};

static void visit_mapping(const struct visit *visit, struct yaml_found mapping, unsigned merges);

static void visit_merged(const struct visit *visit, const struct yaml_node *value, unsigned merges)
{
    struct yaml_found merged = yaml_lookup_follow(value, true);
    size_t n = yaml_lookup_count(visit->lookup, merged);

    visit_mapping(visit, merged, merges);
    for (size_t i = 0; i < n; i++)
        visit_mapping(visit, yaml_lookup_item(merged, i), merges);
}

static void visit_mapping(const struct visit *visit, struct yaml_found mapping, unsigned merges)
{
    if (!is_kind(mapping, YAML_MAPPING) || !spend(visit->lookup, mapping.node->n + 1))
        return;
    for (size_t i = 0; i < mapping.node->n; i++) {
        struct yaml_found key = yaml_lookup_follow(mapping.node->items[i], false);

        if (yaml_node_is_merge(mapping.node->items[i])) {
            if (merges > 0)
                visit_merged(visit, mapping.node->values[i], merges - 1);
        } else if (is_kind(key, YAML_SCALAR)) {
            visit->pair(visit->context, key.node->text,
                        yaml_lookup_follow(mapping.node->values[i], mapping.aliased));
        }
    }
}

void yaml_lookup_pairs(struct yaml_lookup *lookup, struct yaml_found mapping,
                       yaml_lookup_pair_fn pair, void *context)
{
    const struct visit visit = {.lookup = lookup, .pair = pair, .context = context};

    visit_mapping(&visit, mapping, MERGES_MAX);
}
