/*
 * A short list, searched from its start. Names that left the configuration stay: a user
 * would have to reload thousands of invented ones to notice.
 */
#include "standings.h"

#include <stdlib.h>

void standings_fini(struct standings *standings)
{
    for (size_t i = 0; i < standings->n; i++) {
        free(standings->rows[i].registry);
        free(standings->rows[i].reason);
    }
    free(standings->rows);
    *standings = (struct standings){0};
}

static struct standing *find(const struct standings *standings, struct slice registry)
{
    for (size_t i = 0; i < standings->n; i++)
        if (slice_is(registry, standings->rows[i].registry))
            return &standings->rows[i];
    return NULL;
}

static struct standing *add(struct standings *standings, struct slice registry)
{
    struct standing *row;

    standings->rows = realloc(standings->rows, (standings->n + 1) * sizeof(*standings->rows));
    if (!standings->rows)
        abort();
    row = &standings->rows[standings->n++];
    *row = (struct standing){.registry = strndup(registry.ptr, registry.len), .state = ""};
    if (!row->registry)
        abort();
    return row;
}

bool standings_set(struct standings *standings, struct slice registry, const char *state,
                   const char *reason, int64_t now_s)
{
    struct standing *row = find(standings, registry);
    char *copy = strdup(reason);
    bool changed;

    if (!copy)
        abort();
    if (!row)
        row = add(standings, registry);
    changed = strcmp(row->state, state) != 0;
    if (changed)
        row->since_s = now_s;
    row->state = state;
    free(row->reason);
    row->reason = copy;
    return changed;
}

const struct standing *standings_get(const struct standings *standings, struct slice registry)
{
    return find(standings, registry);
}
