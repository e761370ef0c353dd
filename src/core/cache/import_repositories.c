/*
 * An array, searched from one end to the other: it is asked five times a second.
 */
#include "import_repositories.h"

#include "pullthrough/core/base/alloc.h"
#include "siphash.h"

#include <stdlib.h>

static uint64_t hash_of(struct slice name)
{
    static const uint8_t key[16];

    return siphash(key, name);
}

void repositories_fini(struct repositories *repositories)
{
    for (size_t i = 0; i < repositories->n; i++)
        free(repositories->items[i].text);
    free(repositories->items);
}

struct repository *repositories_find(struct repositories *repositories, struct slice name)
{
    uint64_t hash = hash_of(name);

    for (size_t i = 0; i < repositories->n; i++)
        if (repositories->items[i].hash == hash && slice_equal(repositories->items[i].name, name))
            return &repositories->items[i];
    return NULL;
}

struct repository *repositories_know(struct repositories *repositories, size_t upstream,
                                     struct slice name, int64_t created_s)
{
    struct repository *repository = repositories_find(repositories, name);

    if (repository)
        return repository;
    if (repositories->n >= IMPORT_REPOSITORIES_MAX) {
        repositories->dropped++;
        return NULL;
    }
    repositories->items = alloc_grown(repositories->items, repositories->n, &repositories->size,
                                      sizeof(repositories->items[0]));
    repository = &repositories->items[repositories->n++];
    *repository = (struct repository){
        .text = alloc_text(name),
        .hash = hash_of(name),
        .upstream = upstream,
        .created_s = created_s,
        .listed_ms = -1,
        .used_ms = -1,
    };
    repository->name = slice_of(repository->text, name.len);
    return repository;
}

void repositories_remove(struct repositories *repositories, struct repository *repository)
{
    free(repository->text);
    *repository = repositories->items[--repositories->n];
}

static bool comes_before(const struct repository *a, const struct repository *b)
{
    if (a->asked != b->asked)
        return b->asked;
    if (a->asked)
        return a->due_ms < b->due_ms;
    return a->wanted != b->wanted ? a->wanted : a->created_s > b->created_s;
}

struct repository *repositories_next(struct repositories *repositories, int64_t now_ms,
                                     int64_t *due_ms)
{
    struct repository *next = NULL;

    for (size_t i = 0; i < repositories->n; i++) {
        struct repository *repository = &repositories->items[i];

        if (repository->due_ms > now_ms) {
            if (repository->due_ms < *due_ms)
                *due_ms = repository->due_ms;
        } else if (!next || comes_before(repository, next)) {
            next = repository;
        }
    }
    return next;
}

void repositories_used(struct repositories *repositories, const uint8_t map[IMAGE_SET_MAP_BYTES],
                       int64_t recheck_ms, int64_t now_ms)
{
    for (size_t i = 0; i < repositories->n; i++) {
        struct repository *repository = &repositories->items[i];

        if (!(map[repository->bit / 8] >> repository->bit % 8 & 1))
            continue;
        repository->used_ms = now_ms;
        /* Not where its listing failed: that has a delay of its own. */
        if (!repository->tries && repository->due_ms > repository->listed_ms + recheck_ms)
            repository->due_ms = repository->listed_ms + recheck_ms;
    }
}

void repositories_remap(struct repositories *repositories, const size_t map[IMPORT_UPSTREAMS_MAX])
{
    for (size_t i = repositories->n; i-- > 0;)
        if (map[repositories->items[i].upstream] == SIZE_MAX)
            repositories_remove(repositories, &repositories->items[i]);
    for (size_t i = 0; i < repositories->n; i++)
        repositories->items[i].upstream = map[repositories->items[i].upstream];
}
