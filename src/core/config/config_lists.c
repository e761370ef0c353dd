/*
 * Two lists become one: the preset's items first, then those that were written, and none twice,
 * so that a configuration that is printed and read again has not grown. It knows lists of texts
 * and lists of records of texts; there are no others.
 */
#include "config_lists.h"

#include "pullthrough/core/base/alloc.h"

#include <stdbool.h>
#include <stdlib.h>

static size_t item_bytes(const struct config_key *key)
{
    return key->kind == CONFIG_TEXTS ? sizeof(char *) : key->record_bytes;
}

static char *item_at(const struct config_key *key, const struct config_list *list, size_t i)
{
    return (char *)list->items + i * item_bytes(key);
}

/* Where the text of number `which` lies in an item. */
static size_t text_offset(const struct config_key *key, size_t which)
{
    return key->kind == CONFIG_TEXTS ? 0 : key->mapping.keys[which].offset;
}

static size_t texts_of(const struct config_key *key)
{
    return key->kind == CONFIG_TEXTS ? 1 : key->mapping.n_keys;
}

static bool is_same(const struct config_key *key, const void *a, const void *b)
{
    for (size_t i = 0; i < texts_of(key); i++) {
        const char *left = config_load_pointer(a, text_offset(key, i));
        const char *right = config_load_pointer(b, text_offset(key, i));

        if (!left != !right || (left && strcmp(left, right) != 0))
            return false;
    }
    return true;
}

static bool has(const struct config_key *key, const struct config_list *list, const void *item)
{
    for (size_t i = 0; i < list->n; i++)
        if (is_same(key, item_at(key, list, i), item))
            return true;
    return false;
}

static void store(const struct config_key *key, void *base, void *items, size_t n)
{
    config_store(base, key->offset, &items, sizeof(items));
    config_store(base, key->count_offset, &n, sizeof(n));
}

static void drop(const struct config_key *key, void *item)
{
    for (size_t i = 0; i < texts_of(key); i++)
        free(config_load_pointer(item, text_offset(key, i)));
}

struct config_key config_list_key(const struct config_key *key)
{
    struct config_key alone = *key;

    alone.offset = offsetof(struct config_list, items);
    alone.count_offset = offsetof(struct config_list, n);
    return alone;
}

size_t config_list_add(const struct config_key *key, void *base, struct config_list *preset)
{
    const struct config_list written = {config_load_pointer(base, key->offset),
                                        config_load_count(base, key)};
    struct config_list both = {alloc_zeroed(preset->n + written.n + 1, item_bytes(key)), 0};

    for (size_t i = 0; i < preset->n; i++) {
        char *item = item_at(key, preset, i);

        if (has(key, &written, item))
            drop(key, item);
        else
            memcpy(item_at(key, &both, both.n++), item, item_bytes(key));
    }
    memcpy(item_at(key, &both, both.n), written.items, written.n * item_bytes(key));
    both.n += written.n;
    free(preset->items);
    free(written.items);
    *preset = (struct config_list){0};
    store(key, base, both.items, both.n);
    return both.n;
}

void config_list_clear(const struct config_key *key, void *base)
{
    struct config_list list = {config_load_pointer(base, key->offset),
                               config_load_count(base, key)};

    for (size_t i = 0; i < list.n; i++)
        drop(key, item_at(key, &list, i));
    store(key, base, list.items, 0);
}
