/*
 * `pullthrough rules list`: what ECR has, beside what is wanted; and what others have there, which
 * counts against the same quota.
 */
#include "rules_command.h"

#include "pullthrough/app/cli/commands.h"

#include <stdio.h>
#include <unistd.h>

struct list_view {
    const struct rules_command *command;
    bool looked;
    struct strbuf *out;
};

/* Whether no upstream of the configuration has this rule's prefix. */
static bool is_other(const struct reconcile_wanted *wanted, const struct ecr_rule *rule)
{
    for (size_t i = 0; i < wanted->n_upstreams; i++)
        if (ecr_prefix_is(wanted->upstreams[i].prefix, rule->prefix))
            return false;
    return true;
}

/* The name within an ARN of Secrets Manager; the whole where it is no such ARN. */
static struct slice secret_name(const char *arn)
{
    const char *at = strstr(arn, ":secret:");

    return slice_str(at ? at + strlen(":secret:") : arn);
}

static void add_row(struct text_table *table, const char *registry, const char *prefix,
                    const struct ecr_rule *rule, const char *state, enum text_colour colour,
                    const char *reason)
{
    text_table_add(table, slice_str(registry), TEXT_NO_COLOUR);
    text_table_add(table, slice_str(prefix), TEXT_NO_COLOUR);
    text_table_add(table, slice_str(rule ? rule->upstream_url : ""), TEXT_NO_COLOUR);
    text_table_add(table, rule ? secret_name(rule->credential_arn) : slice_str(""), TEXT_NO_COLOUR);
    text_table_add(table, slice_str(state), colour);
    text_table_add(table, slice_str(reason), TEXT_NO_COLOUR);
}

static const char *other_reason(const struct ecr_rule *rule)
{
    return strcmp(rule->prefix, ECR_ROOT) == 0
               ? "not in the configuration; for all repositories without a rule of their own"
               : "not in the configuration";
}

/* Somebody else's rule, which may lie below one of ours and take its images. */
static void add_other(struct text_table *table, const struct reconcile_view *seen,
                      const struct ecr_rule *rule)
{
    struct slice prefix = ecr_prefix_bare(rule->prefix);
    char reason[1024];

    for (size_t i = 0; i < seen->wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &seen->wanted->upstreams[i];
        const struct upstream_status *status = &seen->plan->statuses[i];

        for (size_t k = 0; k < status->n_taken; k++) {
            (void)snprintf(reason, sizeof(reason), "%s/%s", upstream->prefix,
                           status->taken[k].path);
            if (!slice_is(prefix, reason))
                continue;
            (void)snprintf(reason, sizeof(reason), "images of %s below \"%s\" are left alone: %s",
                           upstream->registry, status->taken[k].path, status->taken[k].reason);
            add_row(table, "", rule->prefix, rule, "conflict", TEXT_RED, reason);
            return;
        }
    }
    add_row(table, "", rule->prefix, rule, "other", TEXT_NO_COLOUR, other_reason(rule));
}

/* What else than its rule an image depends on. */
static void add_mode(const struct config *config, struct strbuf *out)
{
    if (config->rewrite.when == CONFIG_WHEN_CACHED)
        strbuf_add_str(out,
                       "\nNote: rewrite.when is cached: an image goes to ECR once ECR holds it.\n");
    else if (config_is_cached(config))
        strbuf_add_str(out,
                       "\nNote: rewrite.digests is cached: an image with a digest goes to ECR once "
                       "ECR holds it.\n");
}

static void add_table(const struct reconcile_view *seen, const struct config *config,
                      struct strbuf *out)
{
    static const char *const headings[] = {"REGISTRY", "PREFIX", "RULE FOR",
                                           "SECRET",   "STATE",  "REASON"};
    const struct reconcile_wanted *wanted = seen->wanted;
    const struct ecr_rules *rules = seen->observed->rules;
    struct text_table *table = text_table_new(headings, 6);

    text_table_fold(table, 1u << 2 | 1u << 3 | 1u << 5);
    for (size_t i = 0; i < wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &wanted->upstreams[i];
        const struct upstream_status *status = &seen->plan->statuses[i];

        add_row(table, upstream->registry, upstream->prefix,
                ecr_rules_find(rules, upstream->prefix), upstream_state_name(status->state),
                rules_colour(status->state), status->reason);
    }
    for (size_t i = 0; i < rules->n; i++)
        if (is_other(wanted, &rules->items[i]))
            add_other(table, seen, &rules->items[i]);
    text_table_print(table, text_look_of(STDOUT_FILENO), out);
    text_table_free(table);
    add_mode(config, out);
    rules_add_notes(out, seen->plan->notes, seen->plan->n_notes);
}

static void add_rule(struct json_writer *json, const char *name, const struct ecr_rule *rule)
{
    json_add_object(json, name);
    json_add_text(json, "prefix", rule->prefix);
    json_add_text(json, "url", rule->upstream_url);
    json_add_text(json, "upstreamPrefix", rule->upstream_prefix);
    json_add_text(json, "credentialArn", rule->credential_arn);
    json_add_text(json, "customRoleArn", rule->custom_role_arn);
    json_end(json);
}

static void add_templates(struct json_writer *json, const struct ecr_templates *templates)
{
    json_add_line(json, 2);
    if (!templates) {
        json_add_text(json, "templates", NULL);
        return;
    }
    json_add_array(json, "templates");
    for (size_t i = 0; i < templates->n; i++) {
        const struct ecr_template *template = &templates->items[i];

        json_add_line(json, 4);
        json_add_object(json, NULL);
        json_add_text(json, "prefix", template->prefix);
        json_add_text(json, "tagMutability", template->mutability);
        json_add_text(json, "encryption", template->encryption);
        json_add_bool(json, "forPullThrough", template->for_pull_through);
        json_end(json);
    }
    json_end(json);
}

static void add_upstreams(struct json_writer *json, const struct reconcile_view *seen)
{
    json_add_line(json, 2);
    json_add_array(json, "upstreams");
    for (size_t i = 0; i < seen->wanted->n_upstreams; i++) {
        const struct config_upstream *upstream = &seen->wanted->upstreams[i];
        const struct ecr_rule *rule = ecr_rules_find(seen->observed->rules, upstream->prefix);

        rules_add_json_upstream(json, upstream, &seen->plan->statuses[i]);
        if (rule)
            add_rule(json, "rule", rule);
        else
            json_add_text(json, "rule", NULL);
        json_end(json);
    }
    json_end(json);
}

static void add_json(const struct reconcile_view *seen, struct strbuf *out)
{
    const struct reconcile_wanted *wanted = seen->wanted;
    const struct ecr_rules *rules = seen->observed->rules;
    struct json_writer json = json_begin(out, true);

    json_add_text(&json, "account",
                  *seen->observed->account ? seen->observed->account : wanted->account);
    json_add_text(&json, "region", wanted->region);
    add_upstreams(&json, seen);
    json_add_line(&json, 2);
    json_add_array(&json, "others");
    for (size_t i = 0; i < rules->n; i++) {
        if (!is_other(wanted, &rules->items[i]))
            continue;
        json_add_line(&json, 4);
        add_rule(&json, NULL, &rules->items[i]);
    }
    json_end(&json);
    add_templates(&json, seen->observed->templates);
    rules_add_json_notes(&json, seen->plan->notes, seen->plan->n_notes);
    json_end(&json);
    strbuf_add_char(out, '\n');
}

static void add_names(const struct ecr_rules *rules, struct strbuf *out)
{
    for (size_t i = 0; i < rules->n; i++) {
        text_add_printable(out, slice_str(rules->items[i].prefix));
        strbuf_add_char(out, '\n');
    }
}

static void show(void *context, const struct reconcile_view *seen)
{
    struct list_view *view = context;

    view->looked = seen->observed->rules != NULL;
    if (view->looked && view->command->output == OUTPUT_NAME)
        add_names(seen->observed->rules, view->out);
    else if (view->looked && view->command->output != OUTPUT_TEXT)
        add_json(seen, view->out);
    else if (view->looked)
        add_table(seen, &view->command->config, view->out);
}

int rules_list(struct rules_command *command, struct strbuf *out)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};
    struct list_view view = {.command = command, .out = out};

    /* a list is asked for; that `serve` asks nothing is another matter */
    if (command->config.reconcile.mode == CONFIG_RECONCILE_OFF)
        command->config.reconcile.mode = CONFIG_RECONCILE_OBSERVE;
    rules_look(command, &(struct reconcile_viewer){show, &view}, &report);
    if (!view.looked)
        return rules_say_failed(command, &report);
    if (*report.problem.text)
        (void)fprintf(stderr, "pullthrough rules: %s\n", report.problem.text);
    return EXIT_FINE;
}
