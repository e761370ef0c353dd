/*
 * Private to the reconcile_*.c: how one upstream stands and what its rule needs; and which
 * creation template governs it.
 */
#ifndef PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H
#define PULLTHROUGH_SRC_CORE_RECONCILE_JUDGE_H

#include "pullthrough/core/reconcile_plan.h"

struct judgement {
    enum upstream_state state;
    const char *reason;
    bool create, update, validate;
    const char *arn;         /* to create or update with; "" for none */
    const char *present_arn; /* that the rule has; "" */
    const char *note;        /* NULL: none */
};

void judge_upstream(struct judgement *judgement, const struct reconcile_wanted *wanted,
                    const struct reconcile_observed *observed, size_t upstream,
                    struct arena *arena);

/* Why no upstream at all can be worked on (another account, a region without the feature), with
 * the state that all have then; NULL where nothing stands against it. */
const char *judge_registry(const struct reconcile_wanted *wanted,
                           const struct reconcile_observed *observed, enum upstream_state *state,
                           struct arena *arena);

/* The template that the first pull below `prefix` uses: of those that are for pull-through the one
 * with the longest prefix, else ROOT; NULL where there is none. */
const struct ecr_template *template_for(const struct ecr_templates *templates, const char *prefix);

/* Whether repositories of the template can't be created: tags, and no role that may set them. */
bool template_is_broken(const struct ecr_template *template);

/* The template with exactly this prefix, or NULL. */
const struct ecr_template *template_find(const struct ecr_templates *templates, const char *prefix);

/* The rule with this prefix, or NULL. */
const struct ecr_rule *rule_find(const struct ecr_rules *rules, const char *prefix);

/* Whether an upstreamRegistryUrl means the same as another: case, scheme and a "/" at the end
 * don't count. */
bool rule_has_url(const struct ecr_rule *rule, const char *url);

/* Whether a rule's credential is the secret that is wanted, by name or ARN. */
bool rule_has_secret(const struct ecr_rule *rule, const char *secret);

/* A text in the arena. */
const char *reconcile_text(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
