/*
 * One upstream: its rule, its credential, its last failed write. The first thing that stands
 * against it is its reason.
 */
#include "reconcile_judge.h"

#include "pullthrough/core/aws_partition.h"
#include "pullthrough/core/known_upstreams.h"

/* What the functions below have in common. */
struct question {
    const struct reconcile_wanted *wanted;
    const struct reconcile_observed *observed;
    const struct config_upstream *upstream;
    const struct reconcile_sight *sight;
    const struct ecr_rule *rule;
    struct arena *arena;
};

#define TEXT(...) reconcile_text(question->arena, __VA_ARGS__)

static void conclude(struct judgement *judgement, enum upstream_state state, const char *reason)
{
    judgement->state = state;
    judgement->reason = reason;
}

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

/* What is known against the secret itself. */
static bool judge_secret(struct judgement *judgement, const struct question *question)
{
    const char *name = question->upstream->secret;
    const char *problem = question->sight->secret_problem ? question->sight->secret_problem : "";

    switch (question->sight->secret) {
    case RECONCILE_SECRET_ABSENT:
        conclude(judgement, UPSTREAM_SECRET_MISSING,
                 TEXT("the secret \"%s\" is not in Secrets Manager in %s", name,
                      question->wanted->region));
        return true;
    case RECONCILE_SECRET_DELETED:
        conclude(judgement, UPSTREAM_SECRET_MISSING,
                 TEXT("the secret \"%s\" is scheduled for deletion", name));
        return true;
    case RECONCILE_SECRET_EMPTY:
        conclude(judgement, UPSTREAM_SECRET_INVALID,
                 TEXT("the secret \"%s\" has no value yet", name));
        return true;
    case RECONCILE_SECRET_FOREIGN_KEY:
        conclude(judgement, UPSTREAM_SECRET_INVALID,
                 TEXT("the secret \"%s\" is encrypted with a key of your own; ECR can read it only "
                      "under the default key aws/secretsmanager",
                      name));
        return true;
    case RECONCILE_SECRET_MALFORMED:
        conclude(judgement, UPSTREAM_SECRET_INVALID, TEXT("the secret \"%s\": %s", name, problem));
        return true;
    case RECONCILE_SECRET_NOT_LOOKED:
    case RECONCILE_SECRET_FOUND:
    case RECONCILE_SECRET_FORBIDDEN:
    case RECONCILE_SECRET_FAILED: break;
    }
    return false;
}

static bool is_arn(const char *text)
{
    return slice_starts_with(slice_str(text), slice_str("arn:"));
}

/* The region in "arn:PARTITION:secretsmanager:REGION:...". */
static struct slice region_of(const char *arn)
{
    struct slice rest = slice_str(arn);

    for (int i = 0; i < 3; i++) {
        size_t end = slice_find(rest, ':');

        rest = slice_from(rest, end < rest.len ? end + 1 : end);
    }
    rest.len = slice_find(rest, ':');
    return rest;
}

/* The ARN to give to the rule; or NULL, with the judgement saying why there is none. */
static const char *find_arn(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_sight *sight = question->sight;
    const char *secret = question->upstream->secret;
    const char *problem = sight->secret_problem ? sight->secret_problem : "no reason given";

    if (is_arn(secret)) {
        if (slice_is(region_of(secret), question->wanted->region))
            return secret;
        conclude(judgement, UPSTREAM_SECRET_MISSING,
                 TEXT("the secret is in %.*s; ECR in %s reads secrets of its own region only",
                      SLICE_FMT(region_of(secret)), question->wanted->region));
        return NULL;
    }
    if (sight->secret == RECONCILE_SECRET_FOUND)
        return sight->secret_arn;
    if (judge_secret(judgement, question))
        return NULL;
    if (sight->secret == RECONCILE_SECRET_FORBIDDEN)
        conclude(judgement, UPSTREAM_DENIED,
                 TEXT("the secret \"%s\" may not be looked up; allow "
                      "secretsmanager:DescribeSecret, or configure its ARN (%s)",
                      secret, problem));
    else if (sight->secret == RECONCILE_SECRET_FAILED)
        conclude(judgement, UPSTREAM_MISSING,
                 TEXT("the secret \"%s\" could not be looked up: %s", secret, problem));
    else
        conclude(judgement, UPSTREAM_MISSING, TEXT("the secret \"%s\" was not looked up", secret));
    return NULL;
}

/* Whether a failed write may be tried again; if not, it is the reason. */
static bool may_write(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_attempt *attempt = &question->sight->attempt;
    enum upstream_state state = UPSTREAM_MISSING;

    if (!attempt->failed)
        return true;
    if (attempt->answered) {
        switch (attempt->class) {
        case AWS_ERROR_UNSUPPORTED_UPSTREAM: state = UPSTREAM_UNSUPPORTED; break;
        case AWS_ERROR_SECRET_REQUIRED:
        case AWS_ERROR_SECRET_NOT_FOUND: state = UPSTREAM_SECRET_MISSING; break;
        case AWS_ERROR_SECRET_INACCESSIBLE:
        case AWS_ERROR_SECRET_UNDECRYPTABLE: state = UPSTREAM_SECRET_INVALID; break;
        case AWS_ERROR_ACCESS_DENIED: state = UPSTREAM_DENIED; break;
        default: break;
        }
    }
    conclude(judgement, state,
             attempt->answered && attempt->class == AWS_ERROR_SECRET_UNDECRYPTABLE
                 ? TEXT("%s; ECR can read it only under the default key aws/secretsmanager",
                        attempt->problem)
                 : attempt->problem);
    return !attempt->answered || attempt->age_s >= reconcile_retry_s(attempt->class);
}

static bool is_configured(const struct reconcile_wanted *wanted, const char *prefix)
{
    for (size_t i = 0; i < wanted->n_upstreams; i++)
        if (strcmp(wanted->upstreams[i].prefix, prefix) == 0)
            return true;
    return false;
}

/* Somebody else's rule for this upstream would do as well. */
static void note_other_prefix(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rules *rules = question->observed->rules;

    for (size_t i = 0; i < rules->n && !judgement->note; i++)
        if (rule_has_url(&rules->items[i], question->upstream->url) &&
            strcmp(rules->items[i].upstream_prefix, ECR_ROOT) == 0 &&
            strcmp(rules->items[i].prefix, ECR_ROOT) != 0 &&
            !is_configured(question->wanted, rules->items[i].prefix))
            judgement->note =
                TEXT("%s is cached under the prefix \"%s\" too; configure that prefix to "
                     "use its rule",
                     question->upstream->registry, rules->items[i].prefix);
}

/* Whether ECR takes a rule for this upstream only with a credential. */
static bool needs_credential(const char *url)
{
    const struct known_upstream *known = known_upstream_find(slice_str(url));

    return known && known->credentials;
}

static void judge_missing(struct judgement *judgement, const struct question *question)
{
    const struct config_upstream *upstream = question->upstream;

    if (question->wanted->mode != RECONCILE_MANAGE) {
        conclude(judgement, UPSTREAM_MISSING,
                 TEXT("there is no rule \"%s\", and reconcile.mode is observe", upstream->prefix));
        return;
    }
    if (!upstream->secret[0] && needs_credential(upstream->url)) {
        conclude(
            judgement, UPSTREAM_SECRET_MISSING,
            TEXT("%s needs a credential, and the configuration names no secret", upstream->url));
        return;
    }
    judgement->arn = upstream->secret[0] ? find_arn(judgement, question) : "";
    if (!judgement->arn) {
        judgement->arn = "";
        return;
    }
    conclude(judgement, UPSTREAM_MISSING, TEXT("there is no rule \"%s\" yet", upstream->prefix));
    judgement->create = may_write(judgement, question);
}

/* A rule that is not ours to use, whatever its credential. */
static bool judge_conflict(struct judgement *judgement, const struct question *question)
{
    const struct ecr_rule *rule = question->rule;
    const struct ecr_template *template = template_for(question->observed->templates, rule->prefix);

    if (!rule_has_url(rule, question->upstream->url))
        conclude(judgement, UPSTREAM_CONFLICT,
                 TEXT("the rule \"%s\" points to %s, not to %s; it is left alone: choose another "
                      "prefix, or delete the rule",
                      rule->prefix, rule->upstream_url, question->upstream->url));
    else if (strcmp(rule->upstream_prefix, ECR_ROOT) != 0)
        conclude(judgement, UPSTREAM_CONFLICT,
                 TEXT("the rule \"%s\" is for the upstream repositories below \"%s\" only; it is "
                      "left alone: choose another prefix, or delete the rule",
                      rule->prefix, rule->upstream_prefix));
    else if (template_is_broken(template))
        conclude(judgement, UPSTREAM_CONFLICT,
                 TEXT("the creation template \"%s\" sets tags and has no role for that, so the "
                      "first pull of an image fails",
                      template->prefix));
    else
        return false;
    return true;
}

/* Give the rule the credential that is wanted. What stands against that is the judgement where the
 * rule has none, and a note where it has one. */
static void plan_update(struct judgement *judgement, const struct question *question)
{
    struct judgement reason = {0};
    const char *arn = NULL;
    bool may = false;

    if (question->wanted->mode == RECONCILE_MANAGE) {
        arn = find_arn(&reason, question);
        may = arn && may_write(&reason, question);
    }
    if (may) {
        judgement->update = true;
        judgement->arn = arn;
    }
    if (question->rule->credential_arn[0]) {
        if (!may)
            judgement->note =
                TEXT("the rule \"%s\" keeps another credential than the configuration "
                     "names%s%s",
                     question->rule->prefix, reason.reason ? ": " : "",
                     reason.reason ? reason.reason : "");
    } else if (reason.reason) {
        conclude(judgement, reason.state == UPSTREAM_MISSING ? judgement->state : reason.state,
                 reason.reason);
    }
}

static void judge_present(struct judgement *judgement, const struct question *question)
{
    const struct reconcile_sight *sight = question->sight;
    const struct ecr_rule *rule = question->rule;
    const char *secret = question->upstream->secret;
    bool has = rule->credential_arn[0] != '\0';
    bool needed = secret[0] || needs_credential(question->upstream->url);

    judgement->present_arn = rule->credential_arn;
    if (judge_conflict(judgement, question))
        return;
    conclude(judgement, UPSTREAM_READY,
             TEXT("the rule \"%s\" points to %s", rule->prefix, rule->upstream_url));
    judgement->validate =
        has && sight->validation_due && question->wanted->mode == RECONCILE_MANAGE;
    if (!has && needed)
        conclude(judgement, UPSTREAM_SECRET_MISSING,
                 TEXT("the rule \"%s\" has no credential", rule->prefix));
    if (secret[0] && !rule_has_secret(rule, secret)) {
        plan_update(judgement, question);
    } else if (secret[0] && sight->validity != RECONCILE_VALID) {
        (void)judge_secret(judgement, question);
    }
    if (has && sight->validity == RECONCILE_INVALID)
        conclude(judgement, UPSTREAM_SECRET_INVALID,
                 TEXT("ECR cannot log in to %s with the rule's secret: %s", rule->upstream_url,
                      sight->validity_problem ? sight->validity_problem : "no reason given"));
}

static void judge_unseen(struct judgement *judgement, const struct question *question)
{
    const char *problem = question->observed->rules_problem;

    if (question->sight->before == UPSTREAM_READY)
        conclude(judgement, UPSTREAM_READY,
                 TEXT("as last seen; ECR could not be asked since: %s", problem));
    else
        conclude(judgement, UPSTREAM_UNKNOWN, TEXT("ECR could not be asked: %s", problem));
}

void judge_upstream(struct judgement *judgement, const struct reconcile_wanted *wanted,
                    const struct reconcile_observed *observed, size_t upstream, struct arena *arena)
{
    const struct question question = {
        .wanted = wanted,
        .observed = observed,
        .upstream = &wanted->upstreams[upstream],
        .sight = &observed->sights[upstream],
        .rule = rule_find(observed->rules, wanted->upstreams[upstream].prefix),
        .arena = arena,
    };
    const char *reason;

    *judgement = (struct judgement){.arn = "", .present_arn = ""};
    reason = judge_registry(wanted, observed, &judgement->state, arena);
    if (!question.upstream->enabled)
        conclude(judgement, UPSTREAM_UNKNOWN, "switched off in the configuration");
    else if (reason)
        judgement->reason = reason;
    else if (!observed->rules)
        judge_unseen(judgement, &question);
    else if (question.rule)
        judge_present(judgement, &question);
    else
        judge_missing(judgement, &question);
    if (question.upstream->enabled && !reason && observed->rules)
        note_other_prefix(judgement, &question);
}
