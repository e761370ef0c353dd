/*
 * Judging an upstream comes first, its actions follow from the judgement; so what is done
 * and what is said cannot disagree.
 */
#include "pullthrough/core/reconcile/reconcile_plan.h"

#include "reconcile_judge.h"

struct making {
    struct reconcile_plan *plan;
    const struct reconcile_wanted *wanted;
    const struct reconcile_observed *observed;
    struct arena *arena;
};

/* In room that doubles, from the first note on. */
static void add_note(struct making *making, const char *note)
{
    struct reconcile_plan *plan = making->plan;
    size_t n = plan->n_notes, size = sizeof(plan->notes[0]);

    if ((n & (n - 1)) == 0)
        plan->notes = arena_realloc(making->arena, plan->notes, n * size, 2 * (n + 1) * size);
    plan->notes[plan->n_notes++] = note;
}

static void add_action(struct making *making, enum reconcile_verb verb, size_t upstream,
                       const struct judgement *judgement)
{
    making->plan->actions[making->plan->n_actions++] = (struct reconcile_action){
        .verb = verb,
        .upstream = upstream,
        .prefix = judgement ? judgement->prefix : "",
        .credential_arn = judgement ? judgement->arn : "",
        .present_arn = judgement ? judgement->present_arn : "",
    };
}

static bool is_immutable(const struct ecr_template *template)
{
    return slice_starts_with(slice_str(template->mutability), slice_str("IMMUTABLE"));
}

/* How a template encrypts, where it isn't as ours would; else "". */
static const char *encryption_of(const struct making *making, const struct ecr_template *template)
{
    if (!template->encryption[0] || strcmp(template->encryption, "AES256") == 0)
        return "";
    return reconcile_text(making->arena, "encrypts with %s%s", template->encryption,
                          template->custom_role_arn[0]
                              ? ""
                              : " and names no role for that, so the first pull of an image may "
                                "fail");
}

static void note_root(struct making *making, const struct ecr_template *root)
{
    static const char stays[] = "it governs other repositories too and is left as it is";
    const char *encryption = encryption_of(making, root);

    if (!root->for_pull_through) {
        add_note(making, reconcile_text(making->arena,
                                        "the creation template ROOT is not applied to "
                                        "pull-through caches; %s",
                                        stays));
        return;
    }
    if (is_immutable(root))
        add_note(making, reconcile_text(making->arena,
                                        "the creation template ROOT makes tags immutable, so "
                                        "cached tags are never refreshed; %s",
                                        stays));
    if (*encryption)
        add_note(making, reconcile_text(making->arena, "the creation template ROOT %s; %s",
                                        encryption, stays));
}

/* Repositories below `prefix` follow a template that isn't ROOT. */
static void note_template(struct making *making, const char *prefix,
                          const struct ecr_template *template)
{
    const char *encryption = encryption_of(making, template);
    bool immutable = is_immutable(template);

    add_note(making, reconcile_text(
                         making->arena,
                         "repositories below \"%.*s\" follow the creation template \"%s\"%s%s%s",
                         SLICE_FMT(ecr_prefix_bare(prefix)), template->prefix,
                         immutable ? ", which makes tags immutable: they are never refreshed" : "",
                         !*encryption ? ""
                         : immutable  ? "; it "
                                      : ", which ",
                         encryption));
}

/* Those at the prefix or above it, and those below it. */
static void note_other_templates(struct making *making)
{
    const struct ecr_templates *templates = making->observed->templates;

    for (size_t i = 0; i < making->wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &making->wanted->upstreams[i];
        const struct ecr_template *above = template_for(templates, upstream->prefix);

        if (!upstream->enabled)
            continue;
        if (above && strcmp(above->prefix, ECR_ROOT) != 0)
            note_template(making, upstream->prefix, above);
        for (size_t k = 0; k < templates->n; k++) {
            const struct ecr_template *below = &templates->items[k];

            /* a broken one has a note of its own: its images are left alone */
            if (prefix_below(below->prefix, upstream->prefix).len && below->for_pull_through &&
                !template_is_broken(below))
                note_template(making, below->prefix, below);
        }
    }
}

/* Whether some prefix of ours has no template of its own. */
static bool needs_root(const struct making *making)
{
    for (size_t i = 0; i < making->wanted->n_upstreams; i++)
        if (making->wanted->upstreams[i].enabled &&
            !template_for(making->observed->templates, making->wanted->upstreams[i].prefix))
            return true;
    return false;
}

static void plan_template(struct making *making)
{
    const struct ecr_templates *templates = making->observed->templates;
    const struct ecr_template *root = template_find(templates, ECR_ROOT);

    if (!templates)
        return; /* each time with another request id: no note, but the pass's problem */
    if (root)
        note_root(making, root);
    else if (making->wanted->manage_template && making->wanted->mode == RECONCILE_MANAGE &&
             making->observed->rules && needs_root(making)) /* who sees no rules writes nothing */
        add_action(making, RECONCILE_CREATE_TEMPLATE, 0, NULL);
    note_other_templates(making);
}

/* The first enabled upstream whose prefix has no rule, or NULL. */
static const struct config_upstream *first_missing(const struct making *making)
{
    for (size_t i = 0; i < making->wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &making->wanted->upstreams[i];

        if (upstream->enabled && !ecr_rules_find(making->observed->rules, upstream->prefix))
            return upstream;
    }
    return NULL;
}

static void note_catch_all(struct making *making)
{
    const struct ecr_rule *rule = ecr_rules_find(making->observed->rules, ECR_ROOT);
    const struct config_upstream *missing = rule ? first_missing(making) : NULL;

    if (rule)
        add_note(making,
                 reconcile_text(making->arena,
                                "the registry has a rule ROOT: what lies below a prefix "
                                "without a rule of its own is pulled from %s%s%s%s",
                                rule->upstream_url, missing ? ", as \"" : "",
                                missing ? missing->prefix : "", missing ? "\" would be now" : ""));
}

static void note_judgement(struct making *making, const struct config_upstream *upstream,
                           const struct judgement *judgement)
{
    for (size_t i = 0; i < judgement->n_notes; i++)
        add_note(making, judgement->notes[i]);
    for (size_t i = 0; making->observed->rules && i < judgement->status.n_taken; i++)
        add_note(making,
                 reconcile_text(making->arena, "images of %s below \"%s\" are left alone: %s",
                                upstream->registry, judgement->status.taken[i].path,
                                judgement->status.taken[i].reason));
}

static void plan_rules(struct making *making)
{
    struct reconcile_plan *plan = making->plan;

    for (size_t i = 0; i < making->wanted->n_upstreams; i++) {
        struct judgement judgement;

        judge_upstream(&judgement, making->wanted, making->observed, i, making->arena);
        plan->statuses[i] = judgement.status;
        note_judgement(making, &making->wanted->upstreams[i], &judgement);
        if (judgement.create)
            add_action(making, RECONCILE_CREATE_RULE, i, &judgement);
        if (judgement.update)
            add_action(making, RECONCILE_UPDATE_RULE, i, &judgement);
        if (judgement.validate && !judgement.update)
            add_action(making, RECONCILE_VALIDATE_RULE, i, &judgement);
    }
}

static void plan_scanning(struct making *making)
{
    struct ecr_scanning scanning;

    if (!making->wanted->enhanced_scanning || making->wanted->mode != RECONCILE_MANAGE ||
        !making->observed->scanning)
        return;
    scanning = *making->observed->scanning;
    for (size_t i = 0; i < making->wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &making->wanted->upstreams[i];
        struct error error;
        int result;

        if (!upstream->enabled)
            continue;
        result = ecr_scanning_add(&scanning, upstream->prefix, making->arena, &error);
        if (result == 0)
            add_action(making, RECONCILE_ADD_SCANNING, i, NULL);
        else if (result < 0)
            add_note(making, reconcile_text(making->arena, "\"%s\" is not scanned: %s",
                                            upstream->prefix, error.text));
    }
}

void reconcile_plan_make(struct reconcile_plan *plan, const struct reconcile_wanted *wanted,
                         const struct reconcile_observed *observed, struct arena *arena)
{
    struct making making = {.plan = plan, .wanted = wanted, .observed = observed, .arena = arena};
    enum upstream_state state;
    size_t n = wanted->n_upstreams;

    /* Of one upstream: a rule and its validation, scanning. Of the registry: a template. */
    *plan = (struct reconcile_plan){
        .actions = arena_alloc(arena, (3 * n + 1) * sizeof(plan->actions[0])),
        .statuses = arena_alloc(arena, n * sizeof(plan->statuses[0])),
        .n_statuses = n,
    };
    if (judge_registry(wanted, observed, &state, arena)) {
        plan_rules(&making);
        return;
    }
    plan_template(&making); /* before the rules: the first pull already follows it */
    note_catch_all(&making);
    plan_rules(&making);
    plan_scanning(&making);
}
