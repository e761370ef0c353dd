/*
 * What a single look can't tell: a refusal that comes again, a write that failed, a credential that
 * is new. It remembers and answers; what follows from it is the plan's. Nothing of it outlives the
 * process, so every start looks at everything.
 *
 * Times are of the monotonic clock: a pass that is late by a jump of the wall clock would be a
 * pass that never comes.
 */
#include "reconcile_history.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

static void forget_trial(struct reconcile_trial *trial)
{
    free(trial->arn);
    free(trial->problem);
    free(trial->doubt);
    *trial = (struct reconcile_trial){0};
}

void reconcile_history_fini(struct reconcile_history *history)
{
    upstream_status_fini(&history->before);
    free(history->secret_arn);
    free(history->secret_problem);
    free(history->rule_secret_arn);
    free(history->given_arn);
    forget_trial(&history->trial);
    free(history->attempt.problem);
    *history = (struct reconcile_history){0};
}

void reconcile_history_carry(struct reconcile_history *history, struct reconcile_history *old)
{
    history->before = old->before;
    history->trial = old->trial;
    history->trial.due = true;
    history->given_arn = old->given_arn;
    old->given_arn = NULL;
    old->before = (struct upstream_status){0};
    old->trial = (struct reconcile_trial){0};
}

static bool is_of(const struct reconcile_trial *trial, const char *arn)
{
    return trial->arn && strcmp(trial->arn, arn) == 0;
}

void reconcile_history_tried(struct reconcile_history *history, const char *arn,
                             const struct ecr_validation *validation, uint64_t confirm_ms,
                             uint64_t now_ms)
{
    struct reconcile_trial *trial = &history->trial;
    bool is_new = history->given_arn && strcmp(history->given_arn, arn) == 0;

    if (!is_of(trial, arn))
        forget_trial(trial);
    alloc_replace(&trial->arn, arn);
    alloc_replace(&trial->doubt, NULL);
    trial->tried_ms = now_ms;
    trial->due = false;
    if (validation->valid) {
        trial->validity = RECONCILE_VALID;
        trial->refused = false;
        alloc_replace(&history->given_arn, NULL);
        return;
    }
    trial->doubt_of = validation->about;
    if (trial->doubt_of == ECR_FAILURE_CREDENTIAL && !trial->refused) {
        trial->refused = true;
        trial->refused_ms = now_ms;
    }
    if (trial->doubt_of == ECR_FAILURE_CREDENTIAL &&
        (is_new || trial->validity == RECONCILE_INVALID ||
         now_ms - trial->refused_ms >= confirm_ms)) {
        trial->validity = RECONCILE_INVALID;
        alloc_replace(&trial->problem, validation->failure);
    } else {
        alloc_replace(&trial->doubt, validation->failure);
    }
}

void reconcile_history_failed(struct reconcile_history *history, const struct aws_error *failure,
                              const char *problem, uint64_t now_ms)
{
    history->attempt.failed = true;
    history->attempt.answered = failure != NULL;
    history->attempt.class = failure ? failure->class : AWS_ERROR_TRANSIENT;
    history->attempt.at_ms = now_ms;
    alloc_replace(&history->attempt.problem, problem);
}

void reconcile_history_given(struct reconcile_history *history, const char *arn)
{
    reconcile_history_done(history);
    alloc_replace(&history->given_arn, *arn ? arn : NULL);
}

void reconcile_history_done(struct reconcile_history *history)
{
    history->attempt.failed = false;
}

bool reconcile_history_is_due(const struct reconcile_history *history, const char *arn,
                              uint64_t every_ms, uint64_t now_ms)
{
    const struct reconcile_trial *trial = &history->trial;

    if (every_ms == 0)
        return false;
    return trial->validity != RECONCILE_VALID || trial->doubt || trial->due ||
           now_ms - trial->tried_ms >= every_ms || !is_of(trial, arn);
}

struct reconcile_observation reconcile_history_observation(const struct reconcile_history *history,
                                                           const char *arn, bool due,
                                                           uint64_t now_ms)
{
    struct reconcile_observation observation = {
        .secret = history->secret,
        .secret_arn = history->secret_arn,
        .secret_problem = history->secret_problem,
        .validation_due = due,
        .attempt = {.failed = history->attempt.failed,
                    .answered = history->attempt.answered,
                    .class = history->attempt.class,
                    .problem = history->attempt.problem,
                    .age_s = (int64_t)((now_ms - history->attempt.at_ms) / 1000)},
        .before = history->before,
    };

    if (is_of(&history->trial, arn)) {
        observation.validity = history->trial.validity;
        observation.validity_problem = history->trial.problem;
        observation.doubt = history->trial.doubt;
        observation.doubt_of = history->trial.doubt_of;
    }
    if (history->rule_secret_arn && strcmp(history->rule_secret_arn, arn) == 0)
        observation.rule_secret = history->rule_secret;
    return observation;
}

bool reconcile_is_same(const struct config *a, size_t i, const struct config *b, size_t k)
{
    const struct config_upstream *x = &a->upstreams[i], *y = &b->upstreams[k];

    return x->enabled && y->enabled && strcmp(x->registry, y->registry) == 0 &&
           strcmp(x->prefix, y->prefix) == 0 && strcmp(x->url, y->url) == 0 &&
           strcmp(a->registry.account, b->registry.account) == 0 &&
           strcmp(a->registry.region, b->registry.region) == 0 &&
           strcmp(a->aws.endpoint.ecr, b->aws.endpoint.ecr) == 0;
}
