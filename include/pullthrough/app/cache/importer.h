/*
 * Follows what ECR holds, and has it import what pods wanted and it doesn't: a thread that makes
 * the calls which core/cache's plan names, one at a time, and so fills the set that the request
 * path asks. Where cached mode is off it does nothing, and asks nobody.
 *
 * Nothing is kept over a restart: a new process lists what ECR holds.
 */
#ifndef PULLTHROUGH_APP_CACHE_IMPORTER_H
#define PULLTHROUGH_APP_CACHE_IMPORTER_H

#include "pullthrough/app/cache/wish_rings.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/cache/image_set.h"
#include "pullthrough/core/cache/import_plan.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

enum { IMPORTER_REFUSALS_MAX = 50 };

struct importer_upstream {
    char *prefix;
    struct import_upstream_counts counts;
};

struct importer_refusal {
    char *image; /* below the host: "dockercache/library/nginx:1.27" */
    char *reason;
    int64_t since_ms, until_ms;
    unsigned tries;
};

/* What is so at one moment. The texts are owned. */
struct importer_report {
    /* A word, static: "off"; "waiting", the registry isn't known; "listing", what it held at the
     * start isn't known so far; "on". NULL: of no moment. */
    const char *state;
    struct error problem; /* why ECR isn't asked for anything now; "" where it is */
    int64_t epoch_ms;     /* added to the other times: milliseconds since 1970 */
    struct import_counts counts;
    struct image_set_counts held;
    struct importer_upstream *upstreams;
    size_t n_upstreams;
    struct importer_refusal *refusals; /* the newest ones, newest first */
    size_t n_refusals;
};
void importer_report_fini(struct importer_report *report);

struct importer;

/* Borrows the loops' wishes, of which it is the consumer. `news` is called from its thread when
 * there is another report, at most once a second but for those that end a waiting. */
struct importer *importer_new(struct wish_rings *wishes, struct metrics *metrics,
                              void (*news)(void *context), void *context);
/* -1 with the reason. Signals must be blocked in the caller. */
int importer_start(struct importer *importer, struct error *error);
/* Ends the thread, if it runs, and frees everything. NULL is allowed. */
void importer_free(struct importer *importer);

/* The configuration in use (held) and the registry's host, empty while it isn't known. What is
 * known of another registry, or of a prefix that is another upstream's now, is forgotten. One
 * thread. */
void importer_configure(struct importer *importer, const struct config *config, struct slice host);

/* One reference to what ECR holds, for that configuration; NULL where cached mode is off. From the
 * thread that configures. */
struct image_set *importer_set(const struct importer *importer);
/* Whether that set is about to be filled for the first time, by the report that was taken last. */
bool importer_is_awaited(const struct importer *importer, const struct importer_report *report);

/* A node could not pull this image, named as in a wish, since the cache doesn't have it. From one
 * thread at a time. */
void importer_pull_failed(struct importer *importer, struct slice repository, struct slice tag,
                          struct slice digest);

/* Replace *report by the newest one; false if there is none that was not taken. Any thread. */
bool importer_take(struct importer *importer, struct importer_report *report);

#endif
