/*
 * One upstream: its rule, what lies below it and its credential become one state with one reason.
 * Only what was observed is judged. Refuses to point a rule elsewhere, and to exchange a credential
 * that works; what each state means to an operator is in docs/aws.md.
 *
 * Several things may stand against an upstream. The first of these is its state:
 *
 *   disabled, mode off    the operator's word goes before whatever AWS says
 *   region, account       a rule that is seen in another one, or made there, is not the one meant
 *   rules not seen        a failed look shows nothing, and a rule doesn't go because AWS is away:
 *                         ready stays ready, and all else is unknown
 *   conflict              the rule serves other images, so a pull through it would be wrong with
 *                         any credential, and it isn't ours to give one to
 *   a broken template     no first pull gets past it, with any credential
 *   no rule               in mode observe just that, for nobody here makes one; else what has to be
 *                         mended first: no secret configured, none there, the last write failed
 *   the credential        all that is left to stand against a rule that is ours
 *
 * Of the credential the better witness has the last word (reconcile_credential.c): first that the
 * rule lacks one; over that why it can't be given one, by what Secrets Manager says now or else by
 * what the last write came to; over all that upstream refused it, for ECR has then tried, and a
 * description only tells what might be wrong. A try that decides nothing is a note, and notes
 * change no state. Neither does what lies below the prefix: it takes some images and leaves the
 * rest.
 */
#include "reconcile_judge.h"

#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/known_upstreams.h"

#define TEXT(...) reconcile_text(question->arena, __VA_ARGS__)

const char *judge_registry(const struct reconcile_wanted *wanted,
                           const struct reconcile_observed *observed, enum upstream_state *state,
                           struct arena *arena)
{
    if (wanted->mode == RECONCILE_OFF) {
        *state = UPSTREAM_UNKNOWN;
        return "reconcile.mode is off";
    }
    if (aws_partition_of(slice_str(wanted->region))->lacks_pull_through) {
        *state = UPSTREAM_UNSUPPORTED;
        return reconcile_text(arena, "ECR has no pull-through cache in %s", wanted->region);
    }
    if (wanted->account[0] && observed->account[0] &&
        strcmp(wanted->account, observed->account) != 0) {
        *state = UPSTREAM_CONFLICT;
        return reconcile_text(arena, "the credentials are of account %s, the configuration says %s",
                              observed->account, wanted->account);
    }
    return NULL;
}

/* Whether the configuration has this prefix, or one above. */
static bool is_configured(const struct reconcile_wanted *wanted, const char *prefix)
{
    for (size_t i = 0; i < wanted->n_upstreams; i++)
        if (ecr_prefix_covers(wanted->upstreams[i].prefix, ecr_prefix_bare(prefix)))
            return true;
    return false;
}

/* Somebody else's rule for this upstream would do as well. */
static void note_other_prefix(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rules *rules = question->observed->rules;

    for (size_t i = 0; i < rules->n; i++)
        if (rule_has_url(&rules->items[i], question->upstream->url) &&
            strcmp(rules->items[i].upstream_prefix, ECR_ROOT) == 0 &&
            strcmp(rules->items[i].prefix, ECR_ROOT) != 0 &&
            !is_configured(question->wanted, rules->items[i].prefix)) {
            judgement_note(judgement, TEXT("%s is cached under the prefix \"%s\" too; configure "
                                           "that prefix to use its rule",
                                           question->upstream->registry, rules->items[i].prefix));
            return;
        }
}

static void judge_missing(struct judgement *judgement, const struct question *question)
{
    const struct config_upstream *upstream = question->upstream;

    if (question->wanted->mode != RECONCILE_MANAGE) {
        judgement_conclude(
            judgement, UPSTREAM_MISSING,
            TEXT("there is no rule \"%s\", and reconcile.mode is observe", upstream->prefix));
        return;
    }
    if (!upstream->secret[0] && known_upstream_needs_credential(slice_str(upstream->url))) {
        judgement_conclude(
            judgement, UPSTREAM_SECRET_MISSING,
            TEXT("%s needs a credential, and the configuration names no secret", upstream->url));
        return;
    }
    judgement->arn = upstream->secret[0] ? judge_find_arn(judgement, question) : "";
    if (!judgement->arn) {
        judgement->arn = "";
        return;
    }
    judgement_conclude(judgement, UPSTREAM_MISSING,
                       TEXT("there is no rule \"%s\" yet", upstream->prefix));
    judgement->create = judge_may_write(judgement, question);
}

/* A rule that is not ours to use, whatever its credential. */
static bool judge_conflict(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rule *rule = question->rule;
    const struct ecr_template *template = template_for(question->observed->templates, rule->prefix);

    if (!rule_has_url(rule, question->upstream->url))
        judgement_conclude(
            judgement, UPSTREAM_CONFLICT,
            TEXT("the rule \"%s\" points to %s, not to %s; it is left alone: choose another "
                 "prefix, or delete the rule",
                 rule->prefix, rule->upstream_url, question->upstream->url));
    else if (strcmp(rule->upstream_prefix, ECR_ROOT) != 0)
        judgement_conclude(
            judgement, UPSTREAM_CONFLICT,
            TEXT("the rule \"%s\" is for the upstream repositories below \"%s\" only; it is "
                 "left alone: choose another prefix, or delete the rule",
                 rule->prefix, rule->upstream_prefix));
    else if (template_is_broken(template))
        judgement_conclude(
            judgement, UPSTREAM_CONFLICT,
            TEXT("the creation template \"%s\" sets tags and has no role for that, so the "
                 "first pull of an image fails",
                 template->prefix));
    else
        return false;
    return true;
}

/* A ready rule, and what it doesn't serve. */
static const char *ready_reason(const struct judgement *judgement, const struct question *question)
{
    const struct ecr_rule *rule = question->rule;
    const char *reason = TEXT("the rule \"%s\" points to %s", rule->prefix, rule->upstream_url);

    if (judgement->status.n_taken == 0)
        return reason;
    reason = TEXT("%s; images below \"%s\" are left alone: %s", reason,
                  judgement->status.taken[0].path, judgement->status.taken[0].reason);
    return judgement->status.n_taken == 1
               ? reason
               : TEXT("%s; and %zu more in the notes", reason, judgement->status.n_taken - 1);
}

static void judge_present(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rule *rule = question->rule;
    const char *secret = question->upstream->secret;
    bool has = rule->credential_arn[0] != '\0';

    judgement->prefix = rule->prefix;
    judgement->present_arn = rule->credential_arn;
    if (judge_conflict(judgement, question))
        return;
    judgement_conclude(judgement, UPSTREAM_READY, ready_reason(judgement, question));
    judgement->validate =
        has && question->observation->validation_due && question->wanted->mode == RECONCILE_MANAGE;
    if (!has && (secret[0] || known_upstream_needs_credential(slice_str(question->upstream->url))))
        judgement_conclude(judgement, UPSTREAM_SECRET_MISSING,
                           TEXT("the rule \"%s\" has no credential", rule->prefix));
    judge_credential(judgement, question);
}

static void judge_unseen(struct judgement *judgement, const struct question *question)
{
    const char *problem = question->observed->rules_problem;

    judgement->status.taken = question->observation->before.taken;
    judgement->status.n_taken = question->observation->before.n_taken;
    if (question->observation->before.state == UPSTREAM_READY)
        judgement_conclude(judgement, UPSTREAM_READY,
                           TEXT("as last seen; ECR could not be asked since: %s", problem));
    else
        judgement_conclude(judgement, UPSTREAM_UNKNOWN,
                           TEXT("ECR could not be asked: %s", problem));
}

void judge_upstream(struct judgement *judgement, const struct reconcile_wanted *wanted,
                    const struct reconcile_observed *observed, size_t upstream, struct arena *arena)
{
    const struct question question = {
        .wanted = wanted,
        .observed = observed,
        .upstream = &wanted->upstreams[upstream],
        .observation = &observed->observations[upstream],
        .rule = ecr_rules_find(observed->rules, wanted->upstreams[upstream].prefix),
        .arena = arena,
    };
    const char *reason;

    *judgement = (struct judgement){.prefix = question.upstream->prefix,
                                    .arn = "",
                                    .present_arn = "",
                                    .status = {.reason = ""}};
    reason = judge_registry(wanted, observed, &judgement->status.state, arena);
    if (question.upstream->enabled && !reason && observed->rules)
        judge_below(judgement, &question);
    if (!question.upstream->enabled)
        judgement_conclude(judgement, UPSTREAM_DISABLED, UPSTREAM_DISABLED_REASON);
    else if (reason)
        judgement->status.reason = reason;
    else if (!observed->rules)
        judge_unseen(judgement, &question);
    else if (question.rule)
        judge_present(judgement, &question);
    else
        judge_missing(judgement, &question);
    judgement->status.rewrite =
        upstream_state_allows(judgement->status.state, wanted->require_rule);
    if (question.upstream->enabled && !reason && observed->rules)
        note_other_prefix(judgement, &question);
}
