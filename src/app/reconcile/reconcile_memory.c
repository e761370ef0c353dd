/*
 * Times are of the monotonic clock: a pass that is late by a jump of the wall clock would be a
 * pass that never comes.
 */
#include "reconcile_memory.h"

#include <stdlib.h>

static void forget_trial(struct reconcile_trial *trial)
{
    free(trial->arn);
    free(trial->problem);
    free(trial->doubt);
    *trial = (struct reconcile_trial){0};
}

void reconcile_memory_fini(struct reconcile_memory *memory)
{
    upstream_status_fini(&memory->before);
    free(memory->secret_arn);
    free(memory->secret_problem);
    free(memory->rule_secret_arn);
    free(memory->given_arn);
    forget_trial(&memory->trial);
    free(memory->attempt.problem);
    *memory = (struct reconcile_memory){0};
}

void reconcile_memory_set(char **text, const char *with)
{
    char *copy = with ? strdup(with) : NULL;

    if (with && !copy)
        abort();
    free(*text);
    *text = copy;
}

void reconcile_memory_carry(struct reconcile_memory *memory, struct reconcile_memory *old)
{
    memory->before = old->before;
    memory->trial = old->trial;
    memory->trial.due = true;
    memory->given_arn = old->given_arn;
    old->given_arn = NULL;
    old->before = (struct upstream_status){0};
    old->trial = (struct reconcile_trial){0};
}

static bool is_of(const struct reconcile_trial *trial, const char *arn)
{
    return trial->arn && strcmp(trial->arn, arn) == 0;
}

void reconcile_memory_tried(struct reconcile_memory *memory, const char *arn,
                            const struct ecr_validation *validation, uint64_t confirm_ms,
                            uint64_t now_ms)
{
    struct reconcile_trial *trial = &memory->trial;
    bool is_new = memory->given_arn && strcmp(memory->given_arn, arn) == 0;

    if (!is_of(trial, arn))
        forget_trial(trial);
    reconcile_memory_set(&trial->arn, arn);
    reconcile_memory_set(&trial->doubt, NULL);
    trial->tried_ms = now_ms;
    trial->due = false;
    if (validation->valid) {
        trial->validity = RECONCILE_VALID;
        trial->refused = false;
        reconcile_memory_set(&memory->given_arn, NULL);
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
        reconcile_memory_set(&trial->problem, validation->failure);
    } else {
        reconcile_memory_set(&trial->doubt, validation->failure);
    }
}

void reconcile_memory_failed(struct reconcile_memory *memory, const struct aws_error *failure,
                             const char *problem, uint64_t now_ms)
{
    memory->attempt.failed = true;
    memory->attempt.answered = failure != NULL;
    memory->attempt.class = failure ? failure->class : AWS_ERROR_TRANSIENT;
    memory->attempt.at_ms = now_ms;
    reconcile_memory_set(&memory->attempt.problem, problem);
}

void reconcile_memory_given(struct reconcile_memory *memory, const char *arn)
{
    reconcile_memory_done(memory);
    reconcile_memory_set(&memory->given_arn, *arn ? arn : NULL);
}

void reconcile_memory_done(struct reconcile_memory *memory)
{
    memory->attempt.failed = false;
}

bool reconcile_memory_is_due(const struct reconcile_memory *memory, const char *arn,
                             uint64_t every_ms, uint64_t now_ms)
{
    const struct reconcile_trial *trial = &memory->trial;

    if (every_ms == 0)
        return false;
    return trial->validity != RECONCILE_VALID || trial->doubt || trial->due ||
           now_ms - trial->tried_ms >= every_ms || !is_of(trial, arn);
}

struct reconcile_sight reconcile_memory_sight(const struct reconcile_memory *memory,
                                              const char *arn, bool due, uint64_t now_ms)
{
    struct reconcile_sight sight = {
        .secret = memory->secret,
        .secret_arn = memory->secret_arn,
        .secret_problem = memory->secret_problem,
        .validation_due = due,
        .attempt = {.failed = memory->attempt.failed,
                    .answered = memory->attempt.answered,
                    .class = memory->attempt.class,
                    .problem = memory->attempt.problem,
                    .age_s = (int64_t)((now_ms - memory->attempt.at_ms) / 1000)},
        .before = memory->before,
    };

    if (is_of(&memory->trial, arn)) {
        sight.validity = memory->trial.validity;
        sight.validity_problem = memory->trial.problem;
        sight.doubt = memory->trial.doubt;
        sight.doubt_of = memory->trial.doubt_of;
    }
    if (memory->rule_secret_arn && strcmp(memory->rule_secret_arn, arn) == 0)
        sight.rule_secret = memory->rule_secret;
    return sight;
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
