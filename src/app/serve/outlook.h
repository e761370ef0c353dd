/*
 * How the upstreams stand: what the reconciler reported last, beside what the operator says; and
 * what follows for the rule set, the metrics and the log. One thread.
 */
#ifndef PULLTHROUGH_APP_SERVE_OUTLOOK_H
#define PULLTHROUGH_APP_SERVE_OUTLOOK_H

#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/sys/metrics.h"
#include "standings.h"

#include <stdbool.h>

/* The zero value: nothing is known. */
struct outlook {
    struct reconcile_report report; /* about the configuration in use */
    struct standings standings;
    struct error host_problem; /* that the log was told of last */
};

void outlook_fini(struct outlook *outlook);

/* The configuration changes: what is known of the new one is kept. */
void outlook_carry(struct outlook *outlook, const struct config *old, const struct config *new);

/* A pass for this configuration has ended; *report is moved. What is new in it goes into the
 * log. */
void outlook_take(struct outlook *outlook, const struct config *config,
                  struct reconcile_report *report);

/* A new rule set, as the upstreams stand at `now_s`. Standings and metrics follow it; a change of
 * state is logged. The registry's host may be unknown: then nothing is rewritten, and the reason
 * is in *host_problem, which is "" otherwise. */
struct rule_set *outlook_settle(struct outlook *outlook, const struct config *config,
                                struct metrics *metrics, int64_t now_s, struct error *host_problem);

/* Whether nothing is rewritten only because no pass has ended yet. `host_problem` is what
 * outlook_settle() gave. */
bool outlook_is_waiting(const struct outlook *outlook, const struct config *config,
                        const struct error *host_problem);

#endif
