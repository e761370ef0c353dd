/*
 * Of several rules ECR takes the one with the longest prefix. So a rule of somebody else below the
 * prefix of ours serves part of our images, from wherever it points to; and a template below
 * decides about their repositories. Neither is ours to change: those images are left alone.
 */
#include "reconcile_judge.h"

#define TEXT(...) reconcile_text(question->arena, __VA_ARGS__)

static void take(struct judgement *judgement, struct upstream_taken *all, struct slice path,
                 const struct question *question, const char *reason)
{
    all[judgement->status.n_taken++] =
        (struct upstream_taken){.path = TEXT("%.*s", SLICE_FMT(path)), .reason = reason};
}

/* What such a rule does to images below its path; NULL where it serves just what ours would: ECR
 * puts the upstream's prefix in the place of the rule's own. */
static const char *wrong_way(const struct question *question, const struct ecr_rule *rule,
                             struct slice path)
{
    if (!rule_has_url(rule, question->upstream->url))
        return TEXT("the rule \"%s\" takes them from %s", rule->prefix, rule->upstream_url);
    if (!slice_equal(ecr_prefix_bare(rule->upstream_prefix), path))
        return TEXT("the rule \"%s\" takes them from other repositories of %s (its upstream "
                    "prefix is \"%s\")",
                    rule->prefix, rule->upstream_url, rule->upstream_prefix);
    return NULL;
}

void judge_below(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rules *rules = question->observed->rules;
    const struct ecr_templates *templates = question->observed->templates;
    const char *prefix = question->upstream->prefix;
    size_t n_templates = templates ? templates->n : 0;
    struct upstream_taken *all =
        arena_alloc(question->arena, (rules->n + n_templates + 1) * sizeof(*all));

    judgement->status.taken = all;
    for (size_t i = 0; i < rules->n; i++) {
        struct slice path = prefix_below(rules->items[i].prefix, prefix);
        const char *reason = path.len ? wrong_way(question, &rules->items[i], path) : NULL;

        if (reason)
            take(judgement, all, path, question, reason);
    }
    for (size_t i = 0; i < n_templates; i++) {
        const struct ecr_template *template = &templates->items[i];
        struct slice path = prefix_below(template->prefix, prefix);

        if (path.len && template->for_pull_through && template_is_broken(template))
            take(judgement, all, path, question,
                 TEXT("the creation template \"%s\" sets tags and has no role for that, so the "
                      "first pull of an image fails",
                      template->prefix));
    }
}
