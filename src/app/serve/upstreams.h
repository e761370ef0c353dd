/*
 * The upstreams of the configuration in use: what the reconciler reported last, how they stand
 * now, and what of that is new enough for the log. Each status is decided in core/rules. One
 * thread.
 */
#ifndef PULLTHROUGH_APP_SERVE_UPSTREAMS_H
#define PULLTHROUGH_APP_SERVE_UPSTREAMS_H

#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

/* The zero value: nothing is known. */
struct upstreams {
    struct reconcile_report report;   /* about the configuration in use */
    struct upstream_status *statuses; /* one for each, as published last; then those of old ones */
    char **names;                     /* of the registries; owned */
    size_t n, n_named;                /* of the configuration; and with the old ones */
    struct error host_problem;        /* that the log was told of last */
};

void upstreams_fini(struct upstreams *upstreams);

/* The configuration changes: what is known of the new one is kept. */
void upstreams_carry(struct upstreams *upstreams, const struct config *old,
                     const struct config *new);

/* A pass for this configuration has ended; *report is moved. What is new in it goes into the
 * log. */
void upstreams_take(struct upstreams *upstreams, const struct config *config,
                    struct reconcile_report *report);

/* A new rule set, as the upstreams stand at `now_s`. Statuses and metrics follow it; a change of
 * state is logged. The registry's host may be unknown: then nothing is rewritten, and the reason
 * is in *host_problem, which is "" otherwise. */
struct rule_set *upstreams_settle(struct upstreams *upstreams, const struct config *config,
                                  struct metrics *metrics, int64_t now_s,
                                  struct error *host_problem);

/* Whether one of them only waits for the first pass. */
bool upstreams_wait(const struct upstreams *upstreams);

#endif
