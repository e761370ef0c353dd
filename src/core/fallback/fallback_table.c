/*
 * One block of memory: the entries, upstreams first, and behind them their names.
 */
#include "fallback_state.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/references.h"

#include <stdlib.h>

struct fallback_table {
    struct references references;
    struct fallback_counts counts;
    struct fallback_entry entries[];
};

static uint64_t last_bytes(struct slice name)
{
    uint64_t bytes = 0;

    if (name.len >= sizeof(bytes))
        memcpy(&bytes, name.ptr + name.len - sizeof(bytes), sizeof(bytes));
    return bytes;
}

/* By length, then by the last bytes, since the first are mostly alike, then by all: most steps of a
 * search compare two numbers, and there is no hash that somebody could make collide. */
static int compare(struct slice a, struct slice b)
{
    uint64_t last_a = last_bytes(a), last_b = last_bytes(b);

    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    if (last_a != last_b)
        return last_a < last_b ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

static int compare_entries(const void *a, const void *b)
{
    return compare(((const struct fallback_entry *)a)->name,
                   ((const struct fallback_entry *)b)->name);
}

/* How many there are, and in *away those that don't go to the cache. */
static size_t count_live(const struct fallback_list *list, size_t *bytes, size_t *away)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].live) {
            *bytes += list->items[i].entry.name.len;
            *away += !list->items[i].entry.own;
            n++;
        }
    return n;
}

/* Behind what was copied; *names too is moved on. */
static struct fallback_entry *copy_live(const struct fallback_list *list,
                                        struct fallback_entry *entries, char **names)
{
    struct fallback_entry *entry = entries;

    for (size_t i = 0; i < list->n; i++) {
        const struct fallback_entry *from = &list->items[i].entry;

        if (!list->items[i].live)
            continue;
        *entry = *from;
        entry->name.ptr = memcpy(*names, from->name.ptr, from->name.len);
        *names += from->name.len;
        entry++;
    }
    qsort(entries, (size_t)(entry - entries), sizeof(*entries), compare_entries);
    return entry;
}

struct fallback_table *fallback_table_new(const struct fallback *fallback)
{
    size_t bytes = 0;
    struct fallback_counts counts = {
        .open = fallback->registry.open,
        .open_since_ms = fallback->registry.open ? fallback->registry.changed_ms : 0,
    };
    struct fallback_table *table;
    char *names;
    size_t n;

    counts.upstreams = count_live(&fallback->upstreams, &bytes, &counts.away_upstreams);
    counts.images = count_live(&fallback->images, &bytes, &counts.away_images);
    n = counts.upstreams + counts.images;
    if (n == 0 && !counts.open)
        return NULL;
    table = alloc_zeroed(1, sizeof(*table) + n * sizeof(table->entries[0]) + bytes);
    references_init(&table->references);
    table->counts = counts;
    names = (char *)(table->entries + n);
    copy_live(&fallback->images, copy_live(&fallback->upstreams, table->entries, &names), &names);
    return table;
}

struct fallback_table *fallback_table_ref(struct fallback_table *table)
{
    if (table)
        references_add(&table->references);
    return table;
}

void fallback_table_unref(struct fallback_table *table)
{
    if (table && references_drop(&table->references))
        free(table);
}

static const struct fallback_entry *find(const struct fallback_entry *entries, size_t n,
                                         struct slice name)
{
    while (n) {
        size_t half = n / 2;
        int order = compare(name, entries[half].name);

        if (order == 0)
            return entries + half;
        if (order > 0) {
            entries += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return NULL;
}

enum fallback_answer fallback_table_ask(const struct fallback_table *table, struct slice prefix,
                                        struct slice image)
{
    const struct fallback_entry *one, *upstream;

    if (!table)
        return FALLBACK_GO_ON;
    one = find(table->entries + table->counts.upstreams, table->counts.images, image);
    if (one && one->own)
        return FALLBACK_GO_ON;
    upstream = find(table->entries, table->counts.upstreams, prefix);
    if (table->counts.open && !(upstream && upstream->own))
        return FALLBACK_REGISTRY_DOWN;
    return one || (upstream && !upstream->own) ? FALLBACK_PULL_FAILED : FALLBACK_GO_ON;
}

struct fallback_counts fallback_table_counts(const struct fallback_table *table)
{
    return table ? table->counts : (struct fallback_counts){0};
}

struct fallback_entry fallback_table_entry(const struct fallback_table *table, size_t i)
{
    return table->entries[i];
}
