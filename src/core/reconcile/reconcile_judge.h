/*
 * Private to the reconcile_*.c: how one upstream stands and what its rule needs.
 */
#ifndef PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H
#define PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H

#include "reconcile_find.h"

#include "pullthrough/core/reconcile/reconcile_observation.h"

enum { JUDGEMENT_NOTES_MAX = 3 };

struct judgement {
    struct upstream_status status;
    bool create, update, validate;
    const char *prefix;      /* of the rule, as ECR has it; else as it is wanted */
    const char *arn;         /* to create or update with; "" for none */
    const char *present_arn; /* that the rule has; "" */
    const char *notes[JUDGEMENT_NOTES_MAX];
    size_t n_notes;
};

/* What the parts of a judgement have in common. */
struct question {
    const struct reconcile_wanted *wanted;
    const struct reconcile_observed *observed;
    const struct config_upstream *upstream;
    const struct reconcile_observation *observation;
    const struct ecr_rule *rule; /* NULL: there is none */
    struct arena *arena;
};

void judge_upstream(struct judgement *judgement, const struct reconcile_wanted *wanted,
                    const struct reconcile_observed *observed, size_t upstream,
                    struct arena *arena);

/* Why no upstream at all can be worked on (another account, a region without the feature), with
 * the state that all have then; NULL where nothing stands against it. */
const char *judge_registry(const struct reconcile_wanted *wanted,
                           const struct reconcile_observed *observed, enum upstream_state *state,
                           struct arena *arena);

/* The rule's credential: whether it works, whose it is, and whether it gets the wanted one. */
void judge_credential(struct judgement *judgement, const struct question *question);
/* The ARN to give to a rule; or NULL, with the judgement saying why there is none. */
const char *judge_find_arn(struct judgement *judgement, const struct question *question);
/* Whether a failed write may be tried again; if not, it is the reason. */
bool judge_may_write(struct judgement *judgement, const struct question *question);

/* Rules and templates below the upstream's prefix: what they take of its images. */
void judge_below(struct judgement *judgement, const struct question *question);

/* The last word counts. */
static inline void judgement_conclude(struct judgement *judgement, enum upstream_state state,
                                      const char *reason)
{
    judgement->status.state = state;
    judgement->status.reason = reason;
}

static inline void judgement_note(struct judgement *judgement, const char *note)
{
    if (judgement->n_notes < JUDGEMENT_NOTES_MAX)
        judgement->notes[judgement->n_notes++] = note;
}

#endif
