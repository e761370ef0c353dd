/*
 * What a pass of the reconciler would do, and how each upstream stands: a pure function of
 * what is wanted and what was seen.
 *
 * Rules are created and given credentials; never deleted, never pointed elsewhere. A credential
 * that works is never exchanged, whosever it is. A template ROOT is created where there is none; an
 * existing one is everybody's and only reported.
 */
#ifndef PULLTHROUGH_CORE_RECONCILE_RECONCILE_PLAN_H
#define PULLTHROUGH_CORE_RECONCILE_RECONCILE_PLAN_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/reconcile/reconcile_observation.h"

#include <stddef.h>

enum reconcile_verb {
    RECONCILE_CREATE_TEMPLATE,
    RECONCILE_CREATE_RULE,
    RECONCILE_UPDATE_RULE,
    RECONCILE_VALIDATE_RULE,
    RECONCILE_ADD_SCANNING,
};

struct reconcile_action {
    enum reconcile_verb verb;
    size_t upstream;            /* index; not for templates */
    const char *prefix;         /* of the rule, as ECR has it; not for templates */
    const char *credential_arn; /* to set; "" for none */
    const char *present_arn;    /* that an update replaces; "" for none */
};

struct reconcile_plan {
    struct reconcile_action *actions; /* in the order in which they are to be done */
    size_t n_actions;
    struct upstream_status *statuses; /* one for each wanted upstream */
    size_t n_statuses;
    const char **notes; /* what else an operator should know */
    size_t n_notes;
};

/* Everything in *plan lives in the arena, or in what was wanted and observed. */
void reconcile_plan_make(struct reconcile_plan *plan, const struct reconcile_wanted *wanted,
                         const struct reconcile_observed *observed, struct arena *arena);

/* Append the plan for a person: what would be created ("+"), changed ("~"), what is as wanted
 * ("="), what is left alone though it differs ("!"), then a sum. */
void reconcile_plan_print(struct strbuf *out, const struct reconcile_plan *plan,
                          const struct reconcile_wanted *wanted,
                          const struct reconcile_observed *observed);

#endif
