/*
 * The strict reading of mappings and lists. What YAML offers beyond them (anchors,
 * aliases, merge keys, tags) is refused: whoever reads the file sees what holds.
 */
#include "config_reader.h"

#include "config_error.h"
#include "config_lists.h"
#include "config_scalar.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/spelling.h"
#include "pullthrough/core/base/strbuf.h"

enum { PRESET_MAX_BYTES = 1024 };

static int read_mapping(const struct config_mapping *mapping, const struct yaml_node *node,
                        void *base, const struct config_place *place, struct error *error);

static int refuse_extras(const struct config_place *place, const struct yaml_node *node,
                         struct error *error)
{
    if (node->kind == YAML_ALIAS)
        return config_error(place, node, error,
                            "an alias (*name) is not allowed: write the value out");
    if (node->anchored)
        return config_error(place, node, error,
                            "an anchor (&name) is not allowed: write each value out");
    if (node->tagged)
        return config_error(place, node, error,
                            "a tag (!name) is not allowed: the key says what type is wanted");
    return 0;
}

static int want_list(const struct config_key *key, const struct yaml_node *node,
                     const struct config_place *place, struct error *error)
{
    if (node->kind != YAML_SEQUENCE)
        return config_error(place, node, error, "wants a list, not %s", config_show(node).text);
    if (node->n > key->most)
        return config_error(place, node, error, "has %zu items, but at most %zu are allowed",
                            node->n, (size_t)key->most);
    return 0;
}

static int want_item(const struct config_place *place, const struct yaml_node *node,
                     struct error *error)
{
    if (refuse_extras(place, node, error))
        return -1;
    if (yaml_node_is_null(node))
        return config_error(place, node, error, "an item of a list must not be empty");
    return 0;
}

static int read_texts(const struct config_key *key, const struct yaml_node *node, void *base,
                      const struct config_place *place, struct error *error)
{
    char **texts;

    if (want_list(key, node, place, error))
        return -1;
    texts = alloc_zeroed(node->n, sizeof(*texts));
    config_store(base, key->offset, &texts, sizeof(texts));
    for (size_t i = 0; i < node->n; i++) {
        struct config_place item = {.parent = place, .index = i};
        size_t n = i + 1;

        if (want_item(&item, node->items[i], error) ||
            config_scalar_text(key, node->items[i], &texts[i], &item, error))
            return -1;
        config_store(base, key->count_offset, &n, sizeof(n));
    }
    return 0;
}

static int read_records(const struct config_key *key, const struct yaml_node *node, void *base,
                        const struct config_place *place, struct error *error)
{
    char *records;

    if (want_list(key, node, place, error))
        return -1;
    records = alloc_zeroed(node->n, key->record_bytes);
    config_store(base, key->offset, &records, sizeof(records));
    for (size_t i = 0; i < node->n; i++) {
        struct config_place item = {.parent = place, .index = i};
        size_t n = i + 1;

        if (want_item(&item, node->items[i], error))
            return -1;
        config_store(base, key->count_offset, &n, sizeof(n)); /* half a record is released too */
        if (read_mapping(&key->mapping, node->items[i], records + i * key->record_bytes, &item,
                         error))
            return -1;
    }
    return 0;
}

/* One of a mapping of names to numbers. */
static int read_rate(const struct config_key *key, const struct yaml_node *name,
                     const struct yaml_node *number, void *rate, const struct config_place *place,
                     struct error *error)
{
    const struct config_key *keys = key->mapping.keys;
    struct config_place here = {.parent = place};

    if (refuse_extras(place, name, error) || config_scalar_read(&keys[0], name, rate, place, error))
        return -1;
    here.key = config_load_pointer(rate, keys[0].offset);
    if (refuse_extras(&here, number, error))
        return -1;
    return config_scalar_read(&keys[1], number, rate, &here, error);
}

static int read_rates(const struct config_key *key, const struct yaml_node *node, void *base,
                      const struct config_place *place, struct error *error)
{
    char *rates;
    size_t n = 0;

    if (node->kind != YAML_MAPPING)
        return config_error(place, node, error, "wants a mapping of names to numbers, not %s",
                            config_show(node).text);
    if (node->n > key->most)
        return config_error(place, node, error, "has %zu items, but at most %zu are allowed",
                            node->n, (size_t)key->most);
    rates = alloc_zeroed(node->n, key->record_bytes);
    config_store(base, key->offset, &rates, sizeof(rates));
    for (size_t i = 0; i < node->n; i++) {
        if (!yaml_node_is_null(node->values[i])) {
            config_store(base, key->count_offset, &(size_t){n + 1}, sizeof(n));
            if (read_rate(key, node->items[i], node->values[i], rates + n++ * key->record_bytes,
                          place, error))
                return -1;
        }
        for (size_t k = 0; k < i; k++)
            if (slice_equal(node->items[k]->text, node->items[i]->text))
                return config_error(place, node->items[i], error, "%s is given twice",
                                    config_show(node->items[i]).text);
    }
    return 0;
}

static int read_value(const struct config_key *key, const struct yaml_node *node, void *base,
                      const struct config_place *place, struct error *error)
{
    switch (key->kind) {
    case CONFIG_SECTION: return read_mapping(&key->mapping, node, base, place, error);
    case CONFIG_TEXTS: return read_texts(key, node, base, place, error);
    case CONFIG_RECORDS: return read_records(key, node, base, place, error);
    case CONFIG_RATES: return read_rates(key, node, base, place, error);
    default: return config_scalar_read(key, node, base, place, error);
    }
}

/* The presets are YAML too: what the table says is what a user would write. */
static int read_preset(const struct config_key *key, void *base, const struct config_place *place,
                       struct error *error)
{
    static const struct yaml_limits limits = {PRESET_MAX_BYTES, PRESET_MAX_BYTES, 8};
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;

    if (key->kind == CONFIG_SECTION)
        return read_mapping(&key->mapping, NULL, base, place, error);
    if (!key->preset)
        return 0;
    if (yaml_tree_parse(&tree, slice_str(key->preset), &limits, error))
        return -1;
    return read_value(key, yaml_tree_root(tree, 0), base, place, error);
}

static void print_names(struct strbuf *out, const struct config_mapping *mapping)
{
    for (size_t i = 0; i < mapping->n_keys; i++)
        strbuf_add_format(out, "%s%s", i ? ", " : "", mapping->keys[i].name);
}

static int refuse_key(const struct config_mapping *mapping, const struct yaml_node *node,
                      const struct config_place *place, struct error *error)
{
    STRBUF_CLEANUP struct strbuf names = STRBUF_INIT(400);
    struct spelling spelling = {.written = node->text};

    if (slice_is(node->text, "<<"))
        return config_error(place, node, error,
                            "a merge key (<<) is not allowed: write the values out");
    print_names(&names, mapping);
    for (size_t i = 0; i < mapping->n_keys; i++)
        spelling_try(&spelling, mapping->keys[i].name);
    if (spelling.nearest)
        return config_error(place, node, error, "unknown key %s, did you mean \"%s\"?",
                            config_show(node).text, spelling.nearest);
    return config_error(place, node, error, "unknown key %s; known here: %s",
                        config_show(node).text, strbuf_str(&names));
}

/* Which key a key node is, in *index. */
static int find_key(const struct config_mapping *mapping, const struct yaml_node *node,
                    size_t *index, const struct config_place *place, struct error *error)
{
    if (refuse_extras(place, node, error))
        return -1;
    if (node->kind != YAML_SCALAR)
        return config_error(place, node, error, "a key must be a name, not %s",
                            config_show(node).text);
    for (*index = 0; *index < mapping->n_keys; (*index)++)
        if (slice_is(node->text, mapping->keys[*index].name))
            return 0;
    return refuse_key(mapping, node, place, error);
}

/* What stands in the text, in its order. written[i] is set for the keys that have a value. */
static int read_written(const struct config_mapping *mapping, const struct yaml_node *node,
                        void *base, bool *written, const struct config_place *place,
                        struct error *error)
{
    bool seen[CONFIG_KEYS_MAX] = {false};

    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *value = node->values[i];
        struct config_place here = {.parent = place};
        size_t index = 0;

        if (find_key(mapping, node->items[i], &index, place, error))
            return -1;
        here.key = mapping->keys[index].name;
        if (seen[index])
            return config_error(&here, node->items[i], error, "the key is given twice");
        seen[index] = true;
        if (refuse_extras(&here, value, error))
            return -1;
        if (yaml_node_is_null(value))
            continue;
        written[index] = true;
        if (read_value(&mapping->keys[index], value, base, &here, error))
            return -1;
    }
    return 0;
}

/* A list that comes on top of its preset, once it is known whether it does: the key that says
 * so may stand behind it. `list` is the node that it was read from; NULL: from the preset. */
static int settle_list(const struct config_key *key, const struct yaml_node *list, void *base,
                       const struct config_place *place, struct error *error)
{
    const struct config_key alone = config_list_key(key);
    struct config_list preset = {0};
    bool keeps;
    size_t n;

    config_load(base, key->keeps_preset, &keeps, sizeof(keeps));
    if (!keeps && !list)
        config_list_clear(key, base);
    if (!keeps || !list)
        return 0;
    if (read_preset(&alone, &preset, place, error))
        return -1;
    n = config_list_add(key, base, &preset);
    if (n > key->most)
        return config_error(place, list, error,
                            "has %zu items with those of the default, but at most %zu are "
                            "allowed",
                            n, (size_t)key->most);
    return 0;
}

/* Presets for what isn't written, and for lists that come on top of theirs. */
static int read_presets(const struct config_mapping *mapping, const struct yaml_node *node,
                        void *base, const bool *written, const struct config_place *place,
                        struct error *error)
{
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct config_key *key = &mapping->keys[i];
        struct config_place here = {.parent = place, .key = key->name};

        if (written[i])
            continue;
        if (key->required)
            return config_error(place, node, error, "the key \"%s\" is missing", key->name);
        if (read_preset(key, base, &here, error))
            return -1;
    }
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct config_key *key = &mapping->keys[i];
        struct config_place here = {.parent = place, .key = key->name};

        if (key->keeps_preset &&
            settle_list(key, written[i] ? yaml_node_get(node, key->name) : NULL, base, &here,
                        error))
            return -1;
    }
    return 0;
}

static int read_mapping(const struct config_mapping *mapping, const struct yaml_node *node,
                        void *base, const struct config_place *place, struct error *error)
{
    bool written[CONFIG_KEYS_MAX] = {false};

    if (node && node->kind != YAML_MAPPING)
        return config_error(place, node, error, "wants a mapping of keys to values, not %s",
                            config_show(node).text);
    if (node && read_written(mapping, node, base, written, place, error))
        return -1;
    return read_presets(mapping, node, base, written, place, error);
}

int config_read(const struct config_mapping *mapping, const struct yaml_node *node, void *base,
                struct error *error)
{
    if (node && refuse_extras(NULL, node, error))
        return -1;
    if (node && yaml_node_is_null(node))
        node = NULL;
    return read_mapping(mapping, node, base, NULL, error);
}
