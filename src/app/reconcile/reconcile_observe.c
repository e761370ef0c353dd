/*
 * What a pass asks: rules and templates always, everything else only where there is a reason.
 */
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/ecr_host.h"
#include "reconcile_steps.h"

void pass_say(const struct pass *pass, const char *doing, const char *about)
{
    const struct reconcile_watcher *watcher = &pass->reconcile->watcher;

    if (watcher->say)
        watcher->say(watcher->context, doing, about);
}

uint64_t pass_now_ms(const struct pass *pass)
{
    return pass->timing->monotonic_ms(pass->timing->context);
}

struct ecr_client pass_client(struct pass *pass)
{
    pass->failure = (struct aws_error){0};
    pass->error = (struct error){""};
    return (struct ecr_client){.aws = pass->client,
                               .arena = &pass->arena,
                               .failure = &pass->failure,
                               .error = &pass->error};
}

/* What may go better when it is asked again soon. */
static bool is_passing(int result, const struct aws_error *failure)
{
    return result != AWS_CLIENT_REFUSED || failure->class == AWS_ERROR_TRANSIENT ||
           failure->class == AWS_ERROR_THROTTLED || failure->class == AWS_ERROR_EXPIRED_CREDENTIALS;
}

int pass_result(struct pass *pass, int result)
{
    if (result && is_passing(result, &pass->failure))
        pass_keep_problem(pass, &pass->error);
    return result;
}

void pass_keep_problem(struct pass *pass, const struct error *problem)
{
    pass->report->problem = *problem;
    pass->report->soon = true;
}

/* Rules and templates; each may fail without the other. */
void pass_look(struct pass *pass)
{
    struct reconcile_observed *observed = &pass->observed;
    char *account = pass->reconcile->account;
    struct ecr_client client = pass_client(pass);

    *observed = (struct reconcile_observed){.account = account};
    pass_say(pass, "looking at ECR's rules", "");
    if (ecr_client_rules(&client, &pass->rules) == 0) {
        observed->rules = &pass->rules;
    } else {
        pass->rules_problem = pass->error;
        observed->rules_problem = pass->rules_problem.text;
        pass_keep_problem(pass, &pass->rules_problem);
    }
    client = pass_client(pass);
    pass_say(pass, "looking at ECR's creation templates", "");
    if (ecr_client_templates(&client, &pass->templates) == 0) {
        observed->templates = &pass->templates;
    } else {
        pass->templates_problem = pass->error;
        observed->templates_problem = pass->templates_problem.text;
        if (observed->rules) /* else there is a graver one */
            pass_keep_problem(pass, &pass->templates_problem);
    }
    if (observed->templates && ecr_host_is_account(slice_str(pass->templates.registry_id)))
        memcpy(account, pass->templates.registry_id, AWS_KEYS_ACCOUNT_BYTES);
    else if (observed->rules && pass->rules.n &&
             ecr_host_is_account(slice_str(pass->rules.items[0].registry_id)))
        memcpy(account, pass->rules.items[0].registry_id, AWS_KEYS_ACCOUNT_BYTES);
}

void pass_find_account(struct pass *pass)
{
    const struct ecr_client client = pass_client(pass);
    char *account = pass->reconcile->account;
    struct sts_identity identity;
    struct error unwanted;
    const char *named;

    pass_say(pass, "finding out the account", "");
    if (aws_client_account(pass->client, &named, &unwanted) == 0 && *named)
        memcpy(account, named, AWS_KEYS_ACCOUNT_BYTES);
    else if (ecr_client_identity(&client, &identity) == 0)
        memcpy(account, identity.account, AWS_KEYS_ACCOUNT_BYTES);
    else
        pass_keep_problem(pass, &pass->error);
}

void pass_look_at_scanning(struct pass *pass)
{
    const struct ecr_client client = pass_client(pass);

    if (!pass->wanted.enhanced_scanning || pass->wanted.mode != RECONCILE_MANAGE ||
        pass->reconcile->scanning_done)
        return;
    pass_say(pass, "looking at the registry's scanning", "");
    if (ecr_client_scanning(&client, &pass->scanning) == 0) {
        pass->observed.scanning = &pass->scanning;
        return;
    }
    pass->report->problem = pass->error;
}

static const char *copy_text(struct pass *pass, const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(arena_alloc(&pass->arena, size), text, size);
}

/* Whether the secret holds what ECR wants. A value that can't be read says nothing. */
static void look_into_secret(struct pass *pass, struct reconcile_history *history)
{
    const struct ecr_client client = pass_client(pass);
    int result = ecr_client_check_secret(&client, history->secret_arn);

    if (result == ECR_CLIENT_SECRET_INVALID) {
        history->secret = RECONCILE_SECRET_MALFORMED;
        alloc_replace(&history->secret_problem, pass->error.text);
    } else if (result) {
        pass->report->problem = pass->error;
    }
}

static void look_at_secret(struct pass *pass, size_t upstream)
{
    const struct ecr_client client = pass_client(pass);
    struct reconcile_history *history = &pass->reconcile->histories[upstream];
    const char *secret = pass->config->upstreams[upstream].secret;
    struct secret_description description;
    int result;

    pass_say(pass, "looking at the secret", secret);
    result = pass_result(pass, ecr_client_secret(&client, secret, &description));
    history->looked = true;
    if (result == 0) {
        history->secret = reconcile_secret_of(&description);
        alloc_replace(&history->secret_arn, description.arn);
        alloc_replace(&history->secret_problem, NULL);
        if (history->secret == RECONCILE_SECRET_FOUND && pass->config->reconcile.read_secrets)
            look_into_secret(pass, history);
        return;
    }
    history->secret = result == AWS_CLIENT_REFUSED ? reconcile_secret_refused(&pass->failure)
                                                   : RECONCILE_SECRET_FAILED;
    alloc_replace(&history->secret_problem, pass->error.text);
}

/* The secret that a rule has beside the one that we would give it: it may be gone. */
static void look_at_rule_secret(struct pass *pass, struct reconcile_history *history,
                                const char *arn)
{
    const struct ecr_client client = pass_client(pass);
    struct secret_description description;
    int result;

    pass_say(pass, "looking at the secret", arn);
    result = pass_result(pass, ecr_client_secret(&client, arn, &description));
    alloc_replace(&history->rule_secret_arn, arn);
    history->rule_secret = result == 0                    ? reconcile_secret_of(&description)
                           : result == AWS_CLIENT_REFUSED ? reconcile_secret_refused(&pass->failure)
                                                          : RECONCILE_SECRET_FAILED;
}

static const struct ecr_rule *rule_of(const struct pass *pass, size_t upstream)
{
    return ecr_rules_find(pass->observed.rules, pass->config->upstreams[upstream].prefix);
}

static bool is_due(const struct pass *pass, size_t upstream)
{
    const struct ecr_rule *rule = rule_of(pass, upstream);

    return rule && *rule->credential_arn &&
           reconcile_history_is_due(&pass->reconcile->histories[upstream], rule->credential_arn,
                                    pass->config->reconcile.validate_ms, pass_now_ms(pass));
}

/* A secret that was made anew has the same name and another ARN, which only a look shows: so one is
 * taken whenever the credential is due to be tried, and again after a bad one. */
static bool needs_secret(const struct pass *pass, size_t upstream)
{
    const struct config_upstream *wanted = &pass->config->upstreams[upstream];
    const struct reconcile_history *history = &pass->reconcile->histories[upstream];

    if (reconcile_wants_secret(&pass->wanted, pass->observed.rules, upstream) &&
        !reconcile_wants_rule_secret(&pass->wanted, pass->observed.rules, upstream))
        return true; /* the rule has none: it waits for this one */
    if (!wanted->enabled || pass->wanted.mode != RECONCILE_MANAGE || !*wanted->secret ||
        aws_is_arn(slice_str(wanted->secret)) || !rule_of(pass, upstream))
        return false;
    return !history->looked || is_due(pass, upstream) ||
           (history->secret != RECONCILE_SECRET_FOUND &&
            history->secret != RECONCILE_SECRET_FORBIDDEN);
}

/* When it wasn't looked at, was no use, or is due to be tried. */
static bool needs_rule_secret(const struct pass *pass, size_t upstream)
{
    const struct reconcile_history *history = &pass->reconcile->histories[upstream];
    const struct ecr_rule *rule = rule_of(pass, upstream);

    return reconcile_wants_rule_secret(&pass->wanted, pass->observed.rules, upstream) &&
           (!history->rule_secret_arn ||
            strcmp(history->rule_secret_arn, rule->credential_arn) != 0 ||
            (history->rule_secret != RECONCILE_SECRET_FOUND &&
             history->rule_secret != RECONCILE_SECRET_FORBIDDEN) ||
            is_due(pass, upstream));
}

/* Fill in the observations, and name the secrets by the ARNs that they have now. */
void pass_look_at_secrets(struct pass *pass, bool again)
{
    size_t n = pass->config->n_upstreams;
    struct reconcile_observation *observations =
        arena_alloc(&pass->arena, (n + 1) * sizeof(*observations));

    for (size_t i = 0; i < n; i++) {
        struct reconcile_history *history = &pass->reconcile->histories[i];
        const struct ecr_rule *rule = rule_of(pass, i);

        if (!again && pass->observed.rules && needs_secret(pass, i))
            look_at_secret(pass, i);
        if (!again && needs_rule_secret(pass, i))
            look_at_rule_secret(pass, history, rule->credential_arn);
        pass->upstreams[i] = pass->config->upstreams[i];
        if (history->secret == RECONCILE_SECRET_FOUND)
            pass->upstreams[i].secret = (char *)copy_text(pass, history->secret_arn);
        observations[i] = reconcile_history_observation(history, rule ? rule->credential_arn : "",
                                                        is_due(pass, i), pass_now_ms(pass));
    }
    pass->observed.observations = observations;
}
