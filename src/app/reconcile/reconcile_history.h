/*
 * Private to the reconcile*.c: what is remembered of an upstream from pass to pass.
 */
#ifndef PULLTHROUGH_SRC_APP_RECONCILE_HISTORY_H
#define PULLTHROUGH_SRC_APP_RECONCILE_HISTORY_H

#include "pullthrough/app/reconcile/reconcile.h"

/* How trying a credential went, over time. */
struct reconcile_trial {
    char *arn; /* of the credential; owned, as are the next; NULL: none was tried */
    enum reconcile_validity validity;
    char *problem; /* what was said of an invalid one */
    char *doubt;   /* what was said of the last try, where that decides nothing */
    enum ecr_failure doubt_of;
    bool due;     /* now, whatever the time */
    bool refused; /* since it worked last */
    uint64_t refused_ms, tried_ms;
};

struct reconcile_history {
    struct upstream_status before; /* as the last look showed; owned */
    bool looked;                   /* at the secret, as far as there was a reason to */
    enum reconcile_secret secret;
    char *secret_arn, *secret_problem; /* owned; NULL for none, as is the next */
    char *rule_secret_arn;             /* that the rule has beside ours, and was looked at */
    enum reconcile_secret rule_secret;
    char *given_arn; /* the credential that we gave to the rule, and that never worked yet; owned */
    struct reconcile_trial trial;
    struct {
        bool failed, answered;
        enum aws_error_class class;
        char *problem;
        uint64_t at_ms;
    } attempt;
};

void reconcile_history_fini(struct reconcile_history *history);

/* What an upstream's new history keeps of the old one where only the configuration around it
 * changed: how it stood, and how its rule's credential did, which is tried anew. */
void reconcile_history_carry(struct reconcile_history *history, struct reconcile_history *old);

/* The credential `arn` of the rule was tried. A refusal counts when there was one at least
 * `confirm_ms` before, and nothing good since: a registry that is ill may refuse what is right. It
 * counts at once where we have just given the rule that credential: nothing is cached by it yet. */
void reconcile_history_tried(struct reconcile_history *history, const char *arn,
                             const struct ecr_validation *validation, uint64_t confirm_ms,
                             uint64_t now_ms);

/* `failure` NULL: nobody knows whether the write was carried out. */
void reconcile_history_failed(struct reconcile_history *history, const struct aws_error *failure,
                              const char *problem, uint64_t now_ms);
/* The rule has `arn` now ("" for none). */
void reconcile_history_given(struct reconcile_history *history, const char *arn);
/* Nothing is to be done, or another one did it. */
void reconcile_history_done(struct reconcile_history *history);

/* Whether the rule's credential is due to be tried; every_ms 0: never. */
bool reconcile_history_is_due(const struct reconcile_history *history, const char *arn,
                              uint64_t every_ms, uint64_t now_ms);

/* As the plan wants it, of a rule with this credential ("" for none); texts are the history's. */
struct reconcile_observation reconcile_history_observation(const struct reconcile_history *history,
                                                           const char *arn, bool due,
                                                           uint64_t now_ms);

/* Whether an upstream is the same one in both configurations, in the same registry. */
bool reconcile_is_same(const struct config *a, size_t i, const struct config *b, size_t k);

#endif
