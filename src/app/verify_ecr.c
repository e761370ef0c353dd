/*
 * What ECR and Secrets Manager have for the image's upstream: the rule, its secret, and whether
 * ECR can log in with it.
 */
#include "pullthrough/core/known_upstreams.h"
#include "pullthrough/core/reconcile_plan.h"
#include "verify_steps.h"

static const struct ecr_rule *find_rule(const struct ecr_rules *rules, const char *prefix)
{
    for (size_t i = 0; i < rules->n; i++)
        if (strcmp(rules->items[i].prefix, prefix) == 0)
            return &rules->items[i];
    return NULL;
}

/* The reconciler's own judgement, as of somebody who only looks. */
static struct reconcile_verdict judge(struct verify *verify, const struct ecr_rules *rules,
                                      const struct ecr_templates *templates,
                                      const struct reconcile_sight *sight)
{
    const struct reconcile_wanted wanted = {
        .upstreams = verify->upstream,
        .n_upstreams = 1,
        .mode = RECONCILE_OBSERVE,
        .require_rule = true,
        .lifecycle_policy = "",
        .repository_policy = "",
        .region = verify->region,
        .account = "",
    };
    const struct reconcile_observed observed = {
        .rules = rules,
        .rules_problem = "",
        .templates = templates,
        .templates_problem = "",
        .account = verify->account,
        .sights = sight,
    };
    struct reconcile_plan plan;

    reconcile_plan_make(&plan, &wanted, &observed, &verify->arena);
    return plan.verdicts[0];
}

static bool is_about_secrets(enum upstream_state state)
{
    return state == UPSTREAM_SECRET_MISSING || state == UPSTREAM_SECRET_INVALID;
}

bool verify_rule(struct verify *verify)
{
    static const struct reconcile_sight nothing;
    struct ecr_client client = verify_client(verify);
    struct ecr_rules *rules = arena_alloc(&verify->arena, sizeof(*rules));
    const char *prefix = verify->upstream->prefix;
    struct ecr_templates templates;
    struct reconcile_verdict verdict;
    struct error blind = {""};
    int result;

    progress_begin(&verify->progress, "looking at ECR's rules");
    result = ecr_client_rules(&client, rules);
    if (result != 0)
        return verify_call_failed(verify, VERIFY_RULE, result);
    client = verify_client(verify);
    if (ecr_client_templates(&client, &templates) != 0)
        blind = verify->error; /* one that breaks pulls would not be seen */
    verify->rule = find_rule(rules, prefix);
    verdict = judge(verify, rules, *blind.text ? NULL : &templates, &nothing);
    if (verdict.state == UPSTREAM_UNSUPPORTED)
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED, NULL, "%s", verdict.reason);
    if (!verify->rule)
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED,
                          "`pullthrough rules apply` makes it, and so does `serve` where "
                          "reconcile.mode is manage",
                          "there is no rule \"%s\" in ECR in %s, account %s", prefix,
                          verify->region, verify->account);
    if (verdict.state != UPSTREAM_READY && !is_about_secrets(verdict.state))
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED, NULL, "%s", verdict.reason);
    return verify_say(verify, VERIFY_RULE, VERIFY_OK, NULL, "\"%s\" points to %s%s%s", prefix,
                      verify->rule->upstream_url,
                      *blind.text ? "; creation templates were not seen: " : "", blind.text);
}

/* The secret by its description, in the reconciler's words. */
static void judge_secret(struct verify *verify, const char *id,
                         const struct secret_description *description)
{
    struct ecr_rules only = {.items = (struct ecr_rule *)verify->rule, .n = 1, .next_token = ""};
    const struct reconcile_sight sight = {.secret = reconcile_secret_of(description),
                                          .secret_arn = description->arn};
    const struct reconcile_verdict verdict = judge(verify, &only, NULL, &sight);

    if (is_about_secrets(verdict.state))
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED, NULL, "%s", verdict.reason);
    else if (strcmp(description->arn, verify->rule->credential_arn) != 0)
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED,
                         "`pullthrough rules apply` gives it to the rule",
                         "the rule has the credential %s, and the secret \"%s\" is %s now",
                         verify->rule->credential_arn, id, description->arn);
    else
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_OK, NULL, "%s", description->arn);
}

static void look_at_secret(struct verify *verify)
{
    static const char make[] =
        "make it: aws secretsmanager create-secret --name NAME --secret-string "
        "'{\"username\":\"...\",\"accessToken\":\"...\"}', its NAME beginning with "
        "ecr-pullthroughcache/, in the same region";
    const struct ecr_client client = verify_client(verify);
    const char *id =
        *verify->upstream->secret ? verify->upstream->secret : verify->rule->credential_arn;
    struct secret_description description;
    int result;

    progress_begin(&verify->progress, "looking at the secret %s", id);
    result = ecr_client_secret(&client, id, &description);
    if (result == 0)
        judge_secret(verify, id, &description);
    else if (result == AWS_CLIENT_REFUSED && verify->failure.class == AWS_ERROR_NOT_FOUND)
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED, make,
                         "the secret \"%s\" is not in Secrets Manager in %s", id, verify->region);
    else
        (void)verify_call_failed(verify, VERIFY_SECRET, result);
}

static void validate(struct verify *verify)
{
    const struct ecr_client client = verify_client(verify);
    const struct ecr_rule *rule = verify->rule;
    struct ecr_validation validation;
    int result;

    progress_begin(&verify->progress, "letting ECR log in to %s", rule->upstream_url);
    result = ecr_client_validate_rule(&client, rule->prefix, &validation);
    if (result != 0)
        (void)verify_call_failed(verify, VERIFY_VALIDATION, result);
    else if (validation.valid)
        (void)verify_say(verify, VERIFY_VALIDATION, VERIFY_OK, NULL,
                         "ECR logs in to %s with the secret", rule->upstream_url);
    else
        (void)verify_say(verify, VERIFY_VALIDATION, VERIFY_FAILED,
                         "check the secret: {\"username\":\"...\",\"accessToken\":\"...\"}, the "
                         "token still valid and allowed to read",
                         "ECR cannot log in to %s: %s", rule->upstream_url, validation.failure);
}

void verify_secret(struct verify *verify)
{
    const struct known_upstream *known = known_upstream_find(slice_str(verify->upstream->url));
    static const char nothing_to_try[] = "there is no credential to try";
    bool needed = *verify->upstream->secret || (known && known->credentials);

    if (!*verify->rule->credential_arn && !needed) {
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_SKIPPED, NULL, "%s needs none",
                         verify->rule->upstream_url);
        (void)verify_say(verify, VERIFY_VALIDATION, VERIFY_SKIPPED, NULL, "%s", nothing_to_try);
        return;
    }
    if (!*verify->rule->credential_arn) {
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED,
                         "name a secret in upstreams[].secret; `pullthrough rules apply` gives it "
                         "to the rule",
                         "the rule \"%s\" has no credential", verify->rule->prefix);
        (void)verify_say(verify, VERIFY_VALIDATION, VERIFY_SKIPPED, NULL, "%s", nothing_to_try);
        return;
    }
    look_at_secret(verify);
    validate(verify);
}
