/*
 * Times are of the monotonic clock: a pass that is late by a jump of the wall clock would be a
 * pass that never comes.
 */
#include "reconcile_memory.h"

#include <stdlib.h>

void reconcile_memory_fini(struct reconcile_memory *memory)
{
    free(memory->secret_arn);
    free(memory->secret_problem);
    free(memory->validity_problem);
    free(memory->validated_arn);
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

void reconcile_memory_validated(struct reconcile_memory *memory, bool valid, const char *problem,
                                const char *arn, uint64_t now_ms)
{
    memory->validity = valid ? RECONCILE_VALID : RECONCILE_INVALID;
    memory->validated_ms = now_ms;
    reconcile_memory_set(&memory->validity_problem, valid ? NULL : problem);
    reconcile_memory_set(&memory->validated_arn, arn);
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

void reconcile_memory_done(struct reconcile_memory *memory)
{
    memory->attempt.failed = false;
}

bool reconcile_memory_is_due(const struct reconcile_memory *memory, const char *arn,
                             uint64_t every_ms, uint64_t now_ms)
{
    if (every_ms == 0)
        return false;
    return memory->validity != RECONCILE_VALID || now_ms - memory->validated_ms >= every_ms ||
           strcmp(memory->validated_arn, arn) != 0;
}

struct reconcile_sight reconcile_memory_sight(const struct reconcile_memory *memory, bool due,
                                              uint64_t now_ms)
{
    return (struct reconcile_sight){
        .secret = memory->secret,
        .secret_arn = memory->secret_arn,
        .secret_problem = memory->secret_problem,
        .validity = memory->validity,
        .validity_problem = memory->validity_problem,
        .validation_due = due,
        .attempt = {.failed = memory->attempt.failed,
                    .answered = memory->attempt.answered,
                    .class = memory->attempt.class,
                    .problem = memory->attempt.problem,
                    .age_s = (int64_t)((now_ms - memory->attempt.at_ms) / 1000)},
        .before = memory->before,
    };
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
