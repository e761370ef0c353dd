/*
 * What to ask ECR next, so that image_set knows what it holds, and which image to import next.
 *
 * A conversation: it names the next call, the caller makes it and tells what became of it. A state
 * of one thread, the one that writes the set; it does no input or output and has no clock: `now_ms`
 * is any time that only goes on, in milliseconds (one that goes back is taken as standing still),
 * `random` any 32 random bits. Everything is bounded, whatever is wished for and whatever ECR
 * shows: a plan takes 5.3 MiB where all of it is full of the longest names. Nothing is
 * persisted: a new plan begins with what ECR shows.
 *
 *     import_plan_new(); then for ever:
 *         import_plan_wish()                  of each image that a review missed
 *         call = import_plan_next()           NULL: wait *wait_ms, or for a wish
 *         make it: one request, a bounded time
 *         import_plan_found_repository()      of each repository that an answer shows
 *         import_plan_found()                 of each image that an answer shows
 *         import_plan_answer()                once a call
 *
 * A wish: ECR is asked for it (IMPORT_LOOK) after a random part of IMPORT_SPREAD_MS, so that of
 * several replicas mostly one imports; then it is imported by its tag (IMPORT_GET), and looked for
 * until it is seen. "tag@digest" is imported by the tag; if that turns out to be another image, it
 * is refused. A digest alone can't be imported: it is looked for, no more. What is refused is tried
 * again when it is wished for after its time, which doubles from IMPORT_BACKOFF_MS.
 *
 * Namespaces take turns in looks and in each upstream's imports; where there is no room, the one
 * with most waiting loses its last wish. So a flood of one delays another's images by one of its
 * own each.
 *
 * What ECR holds: at the start all repositories are asked for, and those below an upstream's prefix
 * listed, the newest first; then each again, sooner where pods use it. An image is only right to be
 * told to import_plan_found() if its imageStatus is ACTIVE: archived ones can't be pulled.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMPORT_PLAN_H
#define PULLTHROUGH_CORE_CACHE_IMPORT_PLAN_H

#include "pullthrough/core/aws/image_outcome.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/cache/image_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    IMPORT_WISHES_MAX = 4096, /* those that are refused included; of one upstream half of it */
    IMPORT_REPOSITORIES_MAX = 8192,
    IMPORT_UPSTREAMS_MAX = 50, /* ECR's rules of an account and region */
    /* ListImages shows 1,000 pairs of tag and digest a page. Of a repository that has more pages,
     * what is behind is only known when it was wished for, for IMPORT_DIGEST_MS. */
    IMPORT_PAGES_MAX = 16,
    /* DescribeRepositories: 1,000 a page; 100,000 is ECR's quota. */
    IMPORT_REPOSITORY_PAGES_MAX = 100,
    IMPORT_CALL_MS = 200, /* between calls to ECR's API, which publishes no rate for these */
    IMPORT_SPREAD_MS = 3000,
    IMPORT_FRESH_MS = 5000, /* an import follows a look by no more than this */
    IMPORT_MINUTE_MS = 60 * 1000,
    IMPORT_HOUR_MS = 60 * IMPORT_MINUTE_MS,
    IMPORT_BACKOFF_MS = IMPORT_MINUTE_MS, /* of a wish; doubles to: */
    IMPORT_BACKOFF_MAX_MS = 6 * IMPORT_HOUR_MS,
    /* ECR asks upstream for a tag once in 24 hours (user guide, pull-through cache). */
    IMPORT_MOVED_MS = 24 * IMPORT_HOUR_MS,
    /* Digests that nobody has seen for so long go: AWS is away, or they are behind many pages. */
    IMPORT_DIGEST_MS = 6 * IMPORT_HOUR_MS,
    IMPORT_IDLE_RECHECK_MS = IMPORT_HOUR_MS, /* of a repository that no pod uses */
    IMPORT_TRIES_MAX = 8,                    /* without an answer, before a wish is refused */
    IMPORT_REASON_MAX = 256,                 /* bytes; longer ones are cut */
};

struct import_upstream {
    struct slice prefix; /* "dockercache" */
    unsigned per_hour;   /* imports in any hour; 1 to 65535 (0 is 1) */
};

struct import_settings {
    const struct import_upstream
        *upstreams; /* IMPORT_UPSTREAMS_MAX at most; the rest has no plan */
    size_t n_upstreams;
    int64_t recheck_ms; /* import.recheck: how old the knowledge of a repository in use may be */
    bool digests;       /* pods go to ECR by digest: a third of it */
};

struct import_plan;

/* Copies the settings; takes a reference to the set, and is its only writer. */
struct import_plan *import_plan_new(const struct import_settings *settings, struct image_set *set);
void import_plan_free(struct import_plan *plan); /* NULL is allowed */
/* Go on by other settings. Of upstreams whose prefix stays, everything is kept, tokens included;
 * wishes, repositories and images of others are forgotten. A series of pages begins anew. A call
 * under way is still to be answered. */
void import_plan_configure(struct import_plan *plan, const struct import_settings *settings);

/* A review of a pod in this namespace missed this image: by tag, digest, or both; the other one is
 * empty. Copies the texts. 0; IMPORT_WISH_KNOWN: it waits already; IMPORT_WISH_REFUSED: it was
 * refused a short while ago; IMPORT_WISH_CACHED: the set has it meanwhile; IMPORT_WISH_DROPPED:
 * there is no room, which is counted; IMPORT_WISH_ODD: of no upstream, without tag and digest, or
 * longer than the bounds of image_set. */
enum {
    IMPORT_WISH_KNOWN = 1,
    IMPORT_WISH_REFUSED,
    IMPORT_WISH_CACHED,
    IMPORT_WISH_DROPPED,
    IMPORT_WISH_ODD
};
int import_plan_wish(struct import_plan *plan, struct slice namespace, struct slice repository,
                     struct slice tag, struct slice digest, int64_t now_ms, uint32_t random);

/* A node could not pull it from the cache: it isn't held. Tag or digest may be empty; where there
 * is a digest nodes pull by that alone, and it says nothing of the tag. */
void import_plan_pull_failed(struct import_plan *plan, struct slice repository, struct slice tag,
                             struct slice digest);

enum import_call_kind {
    IMPORT_REPOSITORIES, /* DescribeRepositories, 1,000 a page: one page of all */
    IMPORT_LIST,         /* ListImages, 1,000 a page: one page of `repository` */
    IMPORT_LOOK,         /* DescribeImages of one image of `repository` */
    IMPORT_GET, /* GET /v2/REPOSITORY/manifests/TAG at the registry: ECR imports it. No API call */
};

struct import_call {
    enum import_call_kind kind;
    /* Of the first two: 0 is the first page; else the caller goes on by the nextToken of the page
     * before. There is one such series at a time of each kind, so two tokens to keep. */
    unsigned page;
    struct slice repository; /* empty of IMPORT_REPOSITORIES */
    struct slice reference;  /* of the last two: a tag, or of a look a digest */
    bool by_digest;
    size_t upstream; /* its index in the settings; 0 of IMPORT_REPOSITORIES */
};

/* The call to make now, which is to be answered before the next one; its texts live until then.
 * NULL if there is none: *wait_ms is then how long until there may be one (a wish may make it
 * sooner), never below 1. */
const struct import_call *import_plan_next(struct import_plan *plan, int64_t now_ms,
                                           uint32_t random, int64_t *wait_ms);

/* Of the call under way, before its answer; what doesn't belong to an upstream is passed over.
 * `created_s`: any scale on which newer is larger. */
void import_plan_found_repository(struct import_plan *plan, struct slice repository,
                                  int64_t created_s);
/* An ACTIVE image of the repository that was asked for: its tag and its digest, one of which may be
 * empty; once for each tag. Of IMPORT_GET nothing is found: what ECR serves isn't yet what it holds
 * (its layers may still be on their way). */
void import_plan_found(struct import_plan *plan, struct slice tag, struct slice digest,
                       int64_t now_ms);

/* What became of a call. The page, the ACTIVE image or the manifest is IMAGE_THERE. Of an
 * IMPORT_GET IMAGE_ABSENT and IMAGE_REFUSED refuse the wish, of a look IMAGE_REFUSED does: see
 * `reason`. After IMAGE_DENIED all waits, unless the same was granted of another repository lately;
 * after an IMPORT_GET's IMAGE_NO_ANSWER, which may be the upstream's, the other images of that
 * wait. */
struct import_answer {
    enum image_outcome outcome;
    bool more;           /* of a page that is there: it has a nextToken */
    struct slice reason; /* of IMAGE_REFUSED, and IMAGE_ABSENT of a GET: in words for an operator */
};
/* Ends the call under way. */
void import_plan_answer(struct import_plan *plan, const struct import_answer *answer,
                        int64_t now_ms, uint32_t random);

/* What it waits for, if anything: IMAGE_THERE is nothing. */
struct import_pause {
    enum image_outcome why; /* THROTTLED, DENIED, NO_ANSWER */
    int64_t until_ms;
};

struct import_counts {
    bool started;        /* the first listing is whole: each repository was asked for once */
    size_t repositories; /* known */
    size_t unlisted;     /* of these, not asked for so far */
    size_t partial;      /* of these, with more pages than IMPORT_PAGES_MAX */
    size_t queued;       /* wishes, without those that are: */
    size_t refused;
    uint64_t dropped;               /* wishes, since the start */
    uint64_t dropped_repositories;  /* over IMPORT_REPOSITORIES_MAX, since the start */
    bool too_many_repository_pages; /* over IMPORT_REPOSITORY_PAGES_MAX */
    /* Until a call succeeds, so that `until_ms` may be over: */
    struct import_pause api;     /* calls to ECR's API: then nothing is imported, too */
    struct import_pause imports; /* from all upstreams: denied */
};
struct import_counts import_plan_counts(const struct import_plan *plan);

struct import_upstream_counts {
    size_t queued, refused; /* wishes */
    unsigned tokens;        /* imports that are left, as of the last call */
    struct import_pause pause;
};
/* By its index in the settings. */
struct import_upstream_counts import_plan_upstream_counts(const struct import_plan *plan,
                                                          size_t upstream);

/* A wish that is refused; the texts are dead at the next call that changes the plan. */
struct import_refusal {
    struct slice repository, tag, digest;
    const char *reason;
    int64_t since_ms, until_ms;
    unsigned tries;
};
/* The newest ones, newest first, `max` at most; returns how many. */
size_t import_plan_refusals(const struct import_plan *plan, struct import_refusal *refusals,
                            size_t max);

#endif
