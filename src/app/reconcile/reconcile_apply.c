/*
 * What a pass changes: a plan's actions, and what is remembered of how they went.
 */
#include "pullthrough/edge/sys/log.h"
#include "reconcile_steps.h"

/* Take note of how a write went; `history` NULL: it is no upstream's. Returns whether the write
 * made something. */
static bool note_write(struct pass *pass, struct reconcile_history *history, int result)
{
    bool was_there =
        result == AWS_CLIENT_REFUSED && pass->failure.class == AWS_ERROR_ALREADY_EXISTS;

    (void)pass_result(pass, result);
    pass->written = true;
    if (result == 0)
        pass->report->changes++;
    if (!history) {
        if (result && !was_there)
            pass->report->problem = pass->error;
    } else if (result == 0 || was_there) {
        reconcile_history_done(history);
    } else {
        reconcile_history_failed(history, result == AWS_CLIENT_REFUSED ? &pass->failure : NULL,
                                 pass->error.text, pass_now_ms(pass));
    }
    return result == 0;
}

static void write_rule(struct pass *pass, const struct reconcile_action *action)
{
    const struct ecr_client client = pass_client(pass);
    const struct config_upstream *about = &pass->config->upstreams[action->upstream];
    struct reconcile_history *history = &pass->reconcile->histories[action->upstream];
    bool is_new = action->verb == RECONCILE_CREATE_RULE;
    int result;

    pass_say(pass, is_new ? "creating the rule" : "updating the credential of the rule",
             about->prefix);
    if (is_new)
        result = ecr_client_create_rule(&client, about->prefix, about->url, action->credential_arn);
    else
        result = ecr_client_update_rule(&client, action->prefix, action->credential_arn);
    if (!note_write(pass, history, result))
        return;
    reconcile_history_given(history, action->credential_arn);
    log_event(LOG_LEVEL_INFO, is_new ? "rule created" : "rule's credential updated",
              LOG_TEXT("upstream", about->registry), LOG_TEXT("prefix", about->prefix));
}

static void write_template(struct pass *pass)
{
    const struct ecr_client client = pass_client(pass);

    pass_say(pass, "creating the creation template", ECR_ROOT);
    if (note_write(pass, NULL,
                   ecr_client_create_template(&client, pass->wanted.lifecycle_policy,
                                              pass->wanted.repository_policy)))
        log_event(LOG_LEVEL_INFO, "creation template created", LOG_TEXT("prefix", ECR_ROOT));
}

static void validate(struct pass *pass, const struct reconcile_action *action)
{
    const struct ecr_client client = pass_client(pass);
    struct reconcile_history *history = &pass->reconcile->histories[action->upstream];
    struct ecr_validation validation;

    pass_say(pass, "trying the credential of the rule", action->prefix);
    if (pass_result(pass, ecr_client_validate_rule(&client, action->prefix, &validation)) == 0)
        reconcile_history_tried(history, action->present_arn, &validation,
                                pass->reconcile->confirm_ms, pass_now_ms(pass));
    else
        pass->report->problem = pass->error; /* as it was before */
}

/* All prefixes by one write: it replaces the whole configuration. */
static void write_scanning(struct pass *pass, const struct reconcile_plan *plan)
{
    const struct ecr_client client = pass_client(pass);
    struct error unwanted; /* the plan has a note of it */
    unsigned added = 0;

    if (!pass->observed.scanning)
        return;
    for (size_t i = 0; i < plan->n_actions; i++)
        if (plan->actions[i].verb == RECONCILE_ADD_SCANNING &&
            ecr_scanning_add(&pass->scanning,
                             pass->config->upstreams[plan->actions[i].upstream].prefix,
                             &pass->arena, &unwanted) == 0)
            added++;
    if (added)
        pass_say(pass, "adding prefixes to the registry's scanning", "");
    if (added && pass_result(pass, ecr_client_put_scanning(&client, &pass->scanning))) {
        pass->report->problem = pass->error;
        return;
    }
    pass->reconcile->scanning_done = true;
    pass->report->changes += added ? 1 : 0;
    if (added)
        log_event(LOG_LEVEL_INFO, "prefixes added to the registry's scanning",
                  LOG_NUMBER("prefixes", added));
}

void pass_carry_out(struct pass *pass, const struct reconcile_plan *plan, bool writes)
{
    for (size_t i = 0; i < plan->n_actions; i++) {
        const struct reconcile_action *action = &plan->actions[i];

        if (pass->timing->stopped(pass->timing->context))
            return;
        switch (action->verb) {
        case RECONCILE_CREATE_TEMPLATE:
            if (writes)
                write_template(pass);
            break;
        case RECONCILE_CREATE_RULE:
        case RECONCILE_UPDATE_RULE:
            if (writes)
                write_rule(pass, action);
            break;
        case RECONCILE_VALIDATE_RULE: validate(pass, action); break;
        case RECONCILE_ADD_SCANNING: break; /* together */
        }
    }
    if (writes)
        write_scanning(pass, plan);
}
