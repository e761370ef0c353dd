/*
 * The repositories that ECR has below our prefixes, and when to list each.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMPORT_REPOSITORIES_H
#define PULLTHROUGH_CORE_CACHE_IMPORT_REPOSITORIES_H

#include "pullthrough/core/cache/import_plan.h"

struct repository {
    char *text; /* owned */
    struct slice name;
    uint64_t hash;
    size_t upstream, bit; /* image_set_repository_bit() */
    int64_t created_s;
    int64_t due_ms;             /* of its next listing */
    int64_t listed_ms, used_ms; /* the last time, or -1 */
    unsigned tries;             /* that failed, in a row */
    bool asked;                 /* whether there is one, was answered once */
    bool wanted;                /* a wish waits for its first listing */
    bool partial;               /* it has more pages than are listed */
};

struct repositories {
    struct repository *items;
    size_t n, size;
    uint64_t dropped;
};

void repositories_fini(struct repositories *repositories);
struct repository *repositories_find(struct repositories *repositories, struct slice name);
/* The one of that name, a new one if need be, which is to be listed at once. NULL: no room. */
struct repository *repositories_know(struct repositories *repositories, size_t upstream,
                                     struct slice name, int64_t created_s);
/* The last one takes its place. */
void repositories_remove(struct repositories *repositories, struct repository *repository);
/* Whose turn it is: of those that were never asked for those that are wanted, then the newest; then
 * the one that is due the longest. NULL if none is: *due_ms is when the next one will be, if that
 * is sooner. */
struct repository *repositories_next(struct repositories *repositories, int64_t now_ms,
                                     int64_t *due_ms);
/* Pods have used those whose bit is in the map: they are due `recheck_ms` after their last
 * listing. */
void repositories_used(struct repositories *repositories, const uint8_t map[IMAGE_SET_MAP_BYTES],
                       int64_t recheck_ms, int64_t now_ms);
/* As wishes_remap(). */
void repositories_remap(struct repositories *repositories, const size_t map[IMPORT_UPSTREAMS_MAX]);

#endif
