/*
 * Private to the reconcile_*.c: how one upstream stands and what its rule needs; and which
 * creation template governs it.
 */
#ifndef PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H
#define PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H

#include "pullthrough/core/reconcile/reconcile_plan.h"

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

void judgement_conclude(struct judgement *judgement, enum upstream_state state, const char *reason);
void judgement_note(struct judgement *judgement, const char *note);

/* The template that the first pull below `prefix` uses: of those that are for pull-through the one
 * with the longest prefix, else ROOT; NULL where there is none. */
const struct ecr_template *template_for(const struct ecr_templates *templates, const char *prefix);

/* Whether repositories of the template can't be created: tags, and no role that may set them. */
bool template_is_broken(const struct ecr_template *template);

/* The template with this prefix, or NULL. */
const struct ecr_template *template_find(const struct ecr_templates *templates, const char *prefix);

/* What stands in `prefix` behind "ABOVE/"; empty where it doesn't lie below. */
struct slice prefix_below(const char *prefix, const char *above);

/* Whether an upstreamRegistryUrl means the same as another: case, scheme and a "/" at the end
 * don't count. */
bool rule_has_url(const struct ecr_rule *rule, const char *url);

/* Whether a rule's credential is the secret that is wanted, by name or ARN. */
bool rule_has_secret(const struct ecr_rule *rule, const char *secret);

/* Whether two ARNs differ only in what Secrets Manager puts behind a name: then at most one of them
 * is there, for names are unique. */
bool secret_was_made_anew(const char *arn, const char *other);

/* A text in the arena. */
const char *reconcile_text(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
