/*
 * Private to the reconcile*.c: what is remembered of an upstream from pass to pass.
 */
#ifndef PULLTHROUGH_SRC_APP_RECONCILE_MEMORY_H
#define PULLTHROUGH_SRC_APP_RECONCILE_MEMORY_H

#include "pullthrough/app/reconcile.h"

struct reconcile_memory {
    enum upstream_state before;
    bool looked; /* at the secret, as far as there was a reason to */
    enum reconcile_secret secret;
    char *secret_arn, *secret_problem; /* owned; NULL for none, as are the next */
    enum reconcile_validity validity;
    char *validity_problem;
    char *validated_arn; /* that the rule had then */
    uint64_t validated_ms;
    struct {
        bool failed, answered;
        enum aws_error_class class;
        char *problem;
        uint64_t at_ms;
    } attempt;
};

void reconcile_memory_fini(struct reconcile_memory *memory);

/* Replace an owned text; NULL for none. */
void reconcile_memory_set(char **text, const char *with);

void reconcile_memory_validated(struct reconcile_memory *memory, bool valid, const char *problem,
                                const char *arn, uint64_t now_ms);

/* `failure` NULL: nobody knows whether the write was carried out. */
void reconcile_memory_failed(struct reconcile_memory *memory, const struct aws_error *failure,
                             const char *problem, uint64_t now_ms);
void reconcile_memory_done(struct reconcile_memory *memory);

/* Whether the rule's credential is due to be tried; every_ms 0: never. */
bool reconcile_memory_is_due(const struct reconcile_memory *memory, const char *arn,
                             uint64_t every_ms, uint64_t now_ms);

/* As the plan wants it; texts are the memory's. */
struct reconcile_sight reconcile_memory_sight(const struct reconcile_memory *memory, bool due,
                                              uint64_t now_ms);

/* Whether an upstream is the same one in both configurations, in the same registry. */
bool reconcile_is_same(const struct config *a, size_t i, const struct config *b, size_t k);

#endif
