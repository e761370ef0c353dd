/*
 * What a plan knows: between the files that make it up.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMPORT_STATE_H
#define PULLTHROUGH_CORE_CACHE_IMPORT_STATE_H

#include "import_pace.h"
#include "import_repositories.h"
#include "import_wishes.h"

struct upstream {
    char *prefix; /* owned */
    struct import_window window;
    struct import_stop stop;
};

struct import_plan {
    struct image_set *set;
    struct upstream upstreams[IMPORT_UPSTREAMS_MAX];
    size_t n_upstreams;
    int64_t recheck_ms; /* of a repository in use */
    struct wishes wishes;
    struct repositories repositories;

    int64_t now_ms; /* the latest that was told */
    int64_t minute; /* that settle() was for, or -1 */
    int64_t api_ms; /* when there may be another call to the API */
    struct import_stop api, imports;
    int64_t granted_ms[IMPORT_GET + 1]; /* by kind of call: when one was answered last */

    bool described, too_many_repository_pages;
    bool started;     /* the first listing is whole */
    bool looked_last; /* looks and listings take turns */
    bool sought_last; /* and of looks first ones and those for what was imported */

    /* The call under way, and between the pages of a series. */
    bool calls;
    struct import_call call;
    uint64_t wish; /* of a look or GET: its id */
    char texts[IMAGE_SET_REPOSITORY_MAX + IMAGE_SET_REFERENCE_MAX];
    unsigned repositories_page;
    unsigned list_page;
    char listed[IMAGE_SET_REPOSITORY_MAX]; /* the repository whose pages are asked for */
    size_t listed_len;                     /* 0: none */
    uint32_t listed_since;                 /* minute of its first page */
};

enum {
    IMPORT_LISTING_MS = 5 * IMPORT_MINUTE_MS, /* a wish waits for a first listing so long */
    IMPORT_MOVED_LOOKS = 5,                   /* by a digest, before it is judged by its tag */
};

/* Its images are told with minutes of this clock. */
static inline uint32_t import_minute(const struct import_plan *plan)
{
    return (uint32_t)(plan->now_ms / IMPORT_MINUTE_MS);
}

/* The longest prefix of an upstream that this begins with, "/" behind it; SIZE_MAX if none. */
size_t import_upstream_of(const struct import_plan *plan, struct slice repository);
/* NULL where it is of no upstream, or there is no room. */
struct repository *import_know(struct import_plan *plan, struct slice repository,
                               int64_t created_s);
/* Time goes on, never back. */
void import_pass_time(struct import_plan *plan, int64_t now_ms);
/* A bit sooner than `ms`, so that replicas, and repositories, don't march in step. */
int64_t import_sooner_ms(int64_t ms, uint32_t random);
/* A random part of IMPORT_SPREAD_MS. */
int64_t import_spread_ms(uint32_t random);

#endif
