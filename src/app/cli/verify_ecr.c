/*
 * What ECR and Secrets Manager have for the image's upstream: the rule, its secret, and whether
 * ECR can log in with it.
 */
#include "pullthrough/core/image/known_upstreams.h"
#include "pullthrough/core/reconcile/reconcile_plan.h"
#include "verify_steps.h"

/* The reconciler's own judgement, as of somebody who only looks. */
static struct upstream_status judge(struct verify *verify, const struct ecr_rules *rules,
                                    const struct ecr_templates *templates,
                                    const struct reconcile_observation *observation)
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
        .observations = observation,
    };
    struct reconcile_plan plan;

    reconcile_plan_make(&plan, &wanted, &observed, &verify->arena);
    return plan.statuses[0];
}

static bool is_about_secrets(enum upstream_state state)
{
    return state == UPSTREAM_SECRET_MISSING || state == UPSTREAM_SECRET_INVALID;
}

/* What takes the image another way than by the upstream's own rule; NULL: nothing. */
static const struct upstream_taken *find_taken(const struct verify *verify,
                                               const struct upstream_status *status)
{
    struct slice path = slice_str(verify->repository + strlen(verify->upstream->prefix) + 1);

    for (size_t i = 0; i < status->n_taken; i++)
        if (ecr_prefix_covers(status->taken[i].path, path) &&
            path.len > strlen(status->taken[i].path))
            return &status->taken[i];
    return NULL;
}

static bool no_rule(struct verify *verify)
{
    const char *prefix = verify->upstream->prefix;

    return verify_say(verify, VERIFY_RULE, VERIFY_FAILED,
                      "`pullthrough rules apply` makes it, and so does `serve` where "
                      "reconcile.mode is manage",
                      "there is no rule \"%s\" in ECR in %s, account %s%s%s%s%s", prefix,
                      verify->region, verify->account, verify->rule ? "; the rule \"" : "",
                      verify->rule ? verify->rule->prefix : "",
                      verify->rule ? "\" would take the image from " : "",
                      verify->rule ? verify->rule->upstream_url : "");
}

static bool judge_rule(struct verify *verify, const struct ecr_rules *rules,
                       const struct ecr_templates *templates, const char *blind)
{
    static const struct reconcile_observation nothing;
    const struct upstream_status status = judge(verify, rules, templates, &nothing);
    const struct upstream_taken *taken = find_taken(verify, &status);

    verify->rule = ecr_rules_serving(rules, slice_str(verify->repository));
    if (status.state == UPSTREAM_UNSUPPORTED)
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED, NULL, "%s", status.reason);
    if (!ecr_rules_find(rules, verify->upstream->prefix))
        return no_rule(verify);
    if (status.state != UPSTREAM_READY && !is_about_secrets(status.state))
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED, NULL, "%s", status.reason);
    if (taken)
        return verify_say(verify, VERIFY_RULE, VERIFY_FAILED,
                          "delete it, if nobody needs it, or give the upstream another prefix",
                          "images of %s below \"%s\" are left alone: %s",
                          verify->upstream->registry, taken->path, taken->reason);
    return verify_say(verify, VERIFY_RULE, VERIFY_OK, NULL, "\"%s\" points to %s%s%s",
                      verify->rule->prefix, verify->rule->upstream_url,
                      *blind ? "; creation templates were not seen: " : "", blind);
}

bool verify_rule(struct verify *verify)
{
    struct ecr_client client = verify_client(verify);
    struct ecr_rules *rules = arena_alloc(&verify->arena, sizeof(*rules));
    struct ecr_templates templates;
    struct error blind = {""};
    int result;

    progress_begin(&verify->progress, "looking at ECR's rules");
    result = ecr_client_rules(&client, rules);
    if (result != 0)
        return verify_call_failed(verify, VERIFY_RULE, result);
    client = verify_client(verify);
    if (ecr_client_templates(&client, &templates) != 0)
        blind = verify->error; /* one that breaks pulls would not be seen */
    return judge_rule(verify, rules, *blind.text ? NULL : &templates, blind.text);
}

/* Whether the rule has the secret that the configuration names, if it names one. */
static bool has_wanted_secret(const struct verify *verify)
{
    return !*verify->upstream->secret ||
           reconcile_is_same_secret(verify->rule->credential_arn, verify->upstream->secret);
}

/* The secret by its description, in the reconciler's words. */
static void judge_secret(struct verify *verify, const char *id,
                         const struct secret_description *description)
{
    bool wanted = has_wanted_secret(verify);
    struct ecr_rule as_ours = *verify->rule;
    struct ecr_rules only = {.items = &as_ours, .n = 1, .next_token = ""};
    const struct reconcile_observation observation = {
        .secret = wanted ? reconcile_secret_of(description) : RECONCILE_SECRET_NOT_LOOKED,
        .secret_arn = description->arn,
        .rule_secret = wanted ? RECONCILE_SECRET_NOT_LOOKED : reconcile_secret_of(description)};
    struct upstream_status status;

    as_ours.prefix = verify->upstream->prefix;
    as_ours.upstream_prefix = ECR_ROOT;
    status = judge(verify, &only, NULL, &observation);
    if (is_about_secrets(status.state))
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED, NULL, "%s", status.reason);
    else if (!reconcile_is_same_secret(description->arn, verify->rule->credential_arn))
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED,
                         "`pullthrough rules apply` gives it to the rule",
                         "the rule has the credential %s, and the secret \"%s\" is %s now",
                         verify->rule->credential_arn, id, description->arn);
    else
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_OK, NULL, "%s%s%s", description->arn,
                         wanted ? "" : ", which the rule keeps; the configuration names ",
                         wanted ? "" : verify->upstream->secret);
}

static void look_at_secret(struct verify *verify)
{
    static const char make[] =
        "make it: aws secretsmanager create-secret --name NAME --secret-string "
        "'{\"username\":\"...\",\"accessToken\":\"...\"}', its NAME beginning with "
        "ecr-pullthroughcache/, in the same region";
    static const char give[] = "`pullthrough rules apply` gives the rule the secret that the "
                               "configuration names";
    const struct ecr_client client = verify_client(verify);
    bool wanted = has_wanted_secret(verify);
    const char *id = wanted && *verify->upstream->secret ? verify->upstream->secret
                                                         : verify->rule->credential_arn;
    struct secret_description description;
    int result;

    progress_begin(&verify->progress, "looking at the secret %s", id);
    result = ecr_client_secret(&client, id, &description);
    if (result == 0)
        judge_secret(verify, id, &description);
    else if (result == AWS_CLIENT_REFUSED && verify->failure.class == AWS_ERROR_NOT_FOUND)
        (void)verify_say(verify, VERIFY_SECRET, VERIFY_FAILED, wanted ? make : give,
                         "the secret \"%s\" is not in Secrets Manager in %s", id, verify->region);
    else
        (void)verify_call_failed(verify, VERIFY_SECRET, result);
}

/* What to do about a login that failed: that depends on who is to blame. */
static const char *advise(enum ecr_failure about)
{
    static const char *const advice[] = {
        [ECR_FAILURE_UNCLEAR] =
            "cached images still work, and nothing says that the credential was refused. Try again "
            "later; if it stays so, check the secret: "
            "{\"username\":\"...\",\"accessToken\":\"...\"}",
        [ECR_FAILURE_UPSTREAM] =
            "the upstream could not be reached, or it limits; cached images still work, and the "
            "secret may be right. Try again later",
        [ECR_FAILURE_CREDENTIAL] =
            "write the secret again: aws secretsmanager put-secret-value --secret-id NAME "
            "--secret-string '{\"username\":\"...\",\"accessToken\":\"...\"}', the token still "
            "valid "
            "and allowed to read, under the default key",
    };

    return advice[about];
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
        (void)verify_say(verify, VERIFY_VALIDATION, VERIFY_FAILED, advise(validation.about),
                         "ECR cannot log in to %s: %s", rule->upstream_url, validation.failure);
}

void verify_secret(struct verify *verify)
{
    static const char nothing_to_try[] = "there is no credential to try";
    bool needed = *verify->upstream->secret ||
                  known_upstream_needs_credential(slice_str(verify->upstream->url));

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
