/*
 * The plan as people know it from infrastructure tools: a sign, a thing, what differs.
 */
#include "pullthrough/core/reconcile/reconcile_plan.h"

static const char *mode_name(enum reconcile_mode mode)
{
    switch (mode) {
    case RECONCILE_MANAGE: return "manage";
    case RECONCILE_OBSERVE: return "observe";
    case RECONCILE_OFF: return "off";
    }
    return "";
}

/* The action of this verb for an upstream, or NULL. */
static const struct reconcile_action *find_action(const struct reconcile_plan *plan,
                                                  enum reconcile_verb verb, size_t upstream)
{
    for (size_t i = 0; i < plan->n_actions; i++)
        if (plan->actions[i].verb == verb && plan->actions[i].upstream == upstream)
            return &plan->actions[i];
    return NULL;
}

static size_t count_actions(const struct reconcile_plan *plan, enum reconcile_verb verb)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n_actions; i++)
        n += plan->actions[i].verb == verb ? 1 : 0;
    return n;
}

static void print_head(struct strbuf *out, const struct reconcile_wanted *wanted,
                       const struct reconcile_observed *observed)
{
    const char *account = observed->account[0] ? observed->account : wanted->account;

    strbuf_add_format(out, "ECR in %s, account %s, mode %s\n\n", wanted->region,
                      account[0] ? account : "not known", mode_name(wanted->mode));
}

static void print_template(struct strbuf *out, const struct reconcile_plan *plan,
                           const struct reconcile_wanted *wanted)
{
    if (!find_action(plan, RECONCILE_CREATE_TEMPLATE, 0))
        return;
    strbuf_add_str(out, "  + template ROOT\n"
                        "      for:        pull-through caches\n"
                        "      tags:       MUTABLE\n"
                        "      encryption: AES256\n");
    if (wanted->lifecycle_policy[0])
        strbuf_add_format(out, "      lifecycle:  %s\n", wanted->lifecycle_policy);
    if (wanted->repository_policy[0])
        strbuf_add_format(out, "      policy:     %s\n", wanted->repository_policy);
}

static void print_credential(struct strbuf *out, const struct reconcile_action *action,
                             const struct ecr_rule *rule)
{
    if (action && action->present_arn[0])
        strbuf_add_format(out, "      credential: %s -> %s\n", action->present_arn,
                          action->credential_arn);
    else if (action && action->credential_arn[0])
        strbuf_add_format(out, "      credential: %s\n", action->credential_arn);
    else if (rule && rule->credential_arn[0])
        strbuf_add_format(out, "      credential: %s\n", rule->credential_arn);
}

/* Returns whether it is left alone though it is not as wanted. */
static bool print_upstream(struct strbuf *out, const struct reconcile_plan *plan,
                           const struct reconcile_wanted *wanted,
                           const struct reconcile_observed *observed, size_t i)
{
    const struct config_upstream *upstream = &wanted->upstreams[i];
    const struct reconcile_action *create = find_action(plan, RECONCILE_CREATE_RULE, i);
    const struct reconcile_action *update = find_action(plan, RECONCILE_UPDATE_RULE, i);
    const struct ecr_rule *rule = ecr_rules_find(observed->rules, upstream->prefix);
    const struct upstream_status *verdict = &plan->statuses[i];
    char sign = create ? '+' : update ? '~' : verdict->state == UPSTREAM_READY ? '=' : '!';

    strbuf_add_format(out, "  %c rule %s\n      images of:  %s\n      upstream:   %s\n", sign,
                      upstream->prefix, upstream->registry,
                      rule ? rule->upstream_url : upstream->url);
    print_credential(out, create ? create : update, rule);
    strbuf_add_format(
        out, "      state:      %s%s: %s\n", upstream_state_name(verdict->state),
        verdict->rewrite == (verdict->state == UPSTREAM_READY) ? "" : ", rewritten all the same",
        verdict->reason);
    if (find_action(plan, RECONCILE_VALIDATE_RULE, i))
        strbuf_add_str(out, "      validation: to do; ECR logs in to the upstream\n");
    if (find_action(plan, RECONCILE_ADD_SCANNING, i))
        strbuf_add_str(out, "      scanning:   to add; enhanced, on push (costs money)\n");
    return sign == '!';
}

static void print_notes(struct strbuf *out, const struct reconcile_plan *plan,
                        const struct reconcile_wanted *wanted,
                        const struct reconcile_observed *observed)
{
    bool unread = observed->templates_problem && wanted->mode != RECONCILE_OFF;

    if (plan->n_notes > 0 || unread)
        strbuf_add_char(out, '\n');
    if (unread)
        strbuf_add_format(out, "Note: creation templates could not be read: %s.\n",
                          observed->templates_problem);
    for (size_t i = 0; i < plan->n_notes; i++)
        strbuf_add_format(out, "Note: %s.\n", plan->notes[i]);
}

static void print_sum(struct strbuf *out, const struct reconcile_plan *plan, size_t left)
{
    size_t create =
        count_actions(plan, RECONCILE_CREATE_TEMPLATE) + count_actions(plan, RECONCILE_CREATE_RULE);
    size_t change = count_actions(plan, RECONCILE_UPDATE_RULE) +
                    (count_actions(plan, RECONCILE_ADD_SCANNING) > 0 ? 1 : 0);

    if (plan->n_actions == 0)
        strbuf_add_str(out, "\nPlan: nothing to do");
    else
        strbuf_add_format(out, "\nPlan: %zu to create, %zu to change, %zu to validate", create,
                          change, count_actions(plan, RECONCILE_VALIDATE_RULE));
    if (left)
        strbuf_add_format(out, ", %zu left as %s", left, left == 1 ? "it is" : "they are");
    strbuf_add_str(out, ".\n");
}

void reconcile_plan_print(struct strbuf *out, const struct reconcile_plan *plan,
                          const struct reconcile_wanted *wanted,
                          const struct reconcile_observed *observed)
{
    size_t left = 0;

    print_head(out, wanted, observed);
    print_template(out, plan, wanted);
    for (size_t i = 0; i < wanted->n_upstreams; i++)
        if (wanted->upstreams[i].enabled)
            left += print_upstream(out, plan, wanted, observed, i) ? 1 : 0;
    print_notes(out, plan, wanted, observed);
    print_sum(out, plan, left);
}
