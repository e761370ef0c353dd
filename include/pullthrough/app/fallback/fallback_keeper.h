/*
 * Follows whether the cache gives what is asked of it: by what nodes report (a thread that listens
 * to Events), by a probe of the registry, and by what core/fallback makes of both. Hands over, when
 * it changed, the table that the request path asks; and has stuck pods healed where the
 * configuration says so.
 *
 * Three threads of plain blocking code; each of them waits most of the time.
 */
#ifndef PULLTHROUGH_APP_FALLBACK_FALLBACK_KEEPER_H
#define PULLTHROUGH_APP_FALLBACK_FALLBACK_KEEPER_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

/* What is so at one moment. */
struct fallback_report {
    struct fallback_table *table; /* one reference; NULL turns nothing away */
    int64_t epoch_ms;             /* added to the table's times: milliseconds since 1970 */
    const char *watch;            /* a word, static: "on", "off", "forbidden", ... */
    const char *probe;            /* the same: "off", "unanswered" (never yet), "good", "failing" */
};
void fallback_report_fini(struct fallback_report *report);

struct fallback_keeper;

/* `news` is called, from any of its threads, when there is another report; `absent`, from one
 * thread at a time, when a node says that the cache doesn't have an image, which is borrowed for
 * the call: its name below the host. It must not wait, or call the keeper. */
struct fallback_keeper *fallback_keeper_new(struct metrics *metrics, void (*news)(void *context),
                                            void (*absent)(void *context, struct slice image),
                                            void *context);
/* -1 with the reason. Signals must be blocked in the caller. */
int fallback_keeper_start(struct fallback_keeper *keeper, struct error *error);
/* Ends the threads, if they run, and frees everything. NULL is allowed. */
void fallback_keeper_free(struct fallback_keeper *keeper);

/* The configuration in use and the registry's host, empty while it isn't known. What was known of
 * another host, or of upstreams that went or are others now, is forgotten. One thread. */
void fallback_keeper_configure(struct fallback_keeper *keeper, const struct config *config,
                               struct slice host);

/* Replace *report by the newest one; false if there is none that was not taken. Any thread. */
bool fallback_keeper_take(struct fallback_keeper *keeper, struct fallback_report *report);

#endif
