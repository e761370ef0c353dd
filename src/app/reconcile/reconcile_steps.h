/*
 * Private to the reconcile*.c: one pass under way, and its steps.
 */
#ifndef PULLTHROUGH_SRC_APP_RECONCILE_STEPS_H
#define PULLTHROUGH_SRC_APP_RECONCILE_STEPS_H

#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/edge/aws/ecr_client.h"
#include "reconcile_history.h"

struct reconcile {
    const struct config *config; /* borrowed */
    struct reconcile_history *histories;
    size_t n_histories;
    uint64_t confirm_ms; /* between two refusals of a credential that count */
    bool scanning_done;
    char account[AWS_KEYS_ACCOUNT_BYTES]; /* that AWS named once */
    struct reconcile_watcher watcher;
};

/* One pass under way. */
struct pass {
    struct reconcile *reconcile;
    const struct config *config;
    struct aws_client *client;
    const struct timing *timing;
    struct reconcile_report *report;
    struct arena arena;
    struct reconcile_wanted wanted;
    struct reconcile_observed observed;
    struct config_upstream *upstreams; /* the configuration's, with the ARNs that are known */
    struct ecr_rules rules;
    struct ecr_templates templates;
    struct ecr_scanning scanning;
    struct error rules_problem, templates_problem;
    struct aws_error failure; /* of the last call, as the next */
    struct error error;
    const struct reconcile_viewer *viewer; /* NULL: carry the plan out */
    bool written;
};

/* Tell the watcher, if there is one. */
void pass_say(const struct pass *pass, const char *doing, const char *about);

uint64_t pass_now_ms(const struct pass *pass);

/* The call that is made next, for the functions of ecr_client.h; what it answers is in the pass's
 * failure and error. */
struct ecr_client pass_client(struct pass *pass);
/* Hand on a call's result; what failed and may go better soon is kept for the report. */
int pass_result(struct pass *pass, int result);
/* It failed, and the next pass should come soon. */
void pass_keep_problem(struct pass *pass, const struct error *problem);

/* Rules and templates; each may fail without the other. */
void pass_look(struct pass *pass);
/* Who we are, where ECR's answers didn't say. */
void pass_find_account(struct pass *pass);
/* The registry's scanning, where it is ours to change. */
void pass_look_at_scanning(struct pass *pass);
/* Fill in the observations, and name the secrets by the ARNs that they have now. `again`: nobody is
 * asked. */
void pass_look_at_secrets(struct pass *pass, bool again);

/* The plan's actions in their order; without `writes` only validations. */
void pass_carry_out(struct pass *pass, const struct reconcile_plan *plan, bool writes);

#endif
