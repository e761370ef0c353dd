/*
 * `pullthrough rules apply`: the plan, or one pass in the foreground.
 *
 * It makes what is missing whatever reconcile.mode says: the mode is about what `serve` does
 * unasked.
 */
#include "rules_command.h"

#include "pullthrough/app/cli/commands.h"

#include <stdio.h>
#include <unistd.h>

enum { PLAN_TEXT_COLUMN = 18 }; /* where texts of a plan begin */

struct plan_view {
    bool json, looked;
    struct strbuf text; /* the plan as core prints it */
    struct strbuf *out;
};

static const char *verb_name(enum reconcile_verb verb)
{
    switch (verb) {
    case RECONCILE_CREATE_TEMPLATE: return "create-template";
    case RECONCILE_CREATE_RULE: return "create-rule";
    case RECONCILE_UPDATE_RULE: return "update-rule";
    case RECONCILE_VALIDATE_RULE: return "validate-rule";
    case RECONCILE_ADD_SCANNING: return "add-scanning";
    }
    return "";
}

/* Of the configuration's first n upstreams. */
static void add_json_upstreams(struct json_writer *json, const struct config_upstream *upstreams,
                               const struct upstream_status *statuses, size_t n)
{
    json_add_line(json, 2);
    json_add_array(json, "upstreams");
    for (size_t i = 0; i < n; i++) {
        rules_add_json_upstream(json, &upstreams[i], &statuses[i]);
        json_end(json);
    }
    json_end(json);
}

static void add_json_plan(const struct reconcile_view *seen, struct strbuf *out)
{
    const struct reconcile_plan *plan = seen->plan;
    const struct reconcile_wanted *wanted = seen->wanted;
    struct json_writer json = json_begin(out, true);

    json_add_text(&json, "account",
                  *seen->observed->account ? seen->observed->account : wanted->account);
    json_add_text(&json, "region", wanted->region);
    json_add_line(&json, 2);
    json_add_array(&json, "actions");
    for (size_t i = 0; i < plan->n_actions; i++) {
        const struct reconcile_action *action = &plan->actions[i];

        json_add_line(&json, 4);
        json_add_object(&json, NULL);
        json_add_text(&json, "action", verb_name(action->verb));
        json_add_text(&json, "prefix",
                      action->verb == RECONCILE_CREATE_TEMPLATE
                          ? ECR_ROOT
                          : wanted->upstreams[action->upstream].prefix);
        json_add_given(&json, "credentialArn", action->credential_arn);
        json_end(&json);
    }
    json_end(&json);
    add_json_upstreams(&json, wanted->upstreams, plan->statuses, wanted->n_upstreams);
    rules_add_json_notes(&json, plan->notes, plan->n_notes);
    json_end(&json);
    strbuf_add_char(out, '\n');
}

static void show_plan(void *context, const struct reconcile_view *seen)
{
    struct plan_view *view = context;

    view->looked = seen->observed->rules != NULL;
    if (view->json)
        add_json_plan(seen, view->out);
    else
        reconcile_plan_print(&view->text, seen->plan, seen->wanted, seen->observed);
}

static enum text_colour colour_of(struct slice line)
{
    if (line.len < 4 || line.ptr[0] != ' ' || line.ptr[1] != ' ' || line.ptr[3] != ' ')
        return TEXT_NO_COLOUR;
    switch (line.ptr[2]) {
    case '+': return TEXT_GREEN;
    case '~': return TEXT_YELLOW;
    case '!': return TEXT_RED;
    default: return TEXT_NO_COLOUR;
    }
}

/* What stands in its column is more than one word, an ARN for example. */
static bool is_prose(struct slice line)
{
    struct slice text = slice_from(line, line.len < PLAN_TEXT_COLUMN ? line.len : PLAN_TEXT_COLUMN);

    return slice_find(text, ' ') < text.len;
}

/* Line by line, each in the colour of its sign. */
static void add_plan(struct slice text, struct text_look look, struct strbuf *out)
{
    while (text.len) {
        struct slice line = slice_cut(&text, '\n');
        enum text_colour colour = colour_of(line);
        STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(RULES_TEXT_MAX);

        text_add_printable(&shown, line);
        text_colour_begin(out, colour, look);
        if (look.terminal && is_prose(line)) {
            text_add_wrapped(out, strbuf_slice(&shown), 0, PLAN_TEXT_COLUMN);
            strbuf_truncate(out, out->len - 1);
        } else {
            strbuf_add_slice(out, strbuf_slice(&shown));
        }
        text_colour_end(out, colour, look);
        strbuf_add_char(out, '\n');
    }
}

static int dry_run(struct rules_command *command, struct strbuf *out)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};
    struct plan_view view = {
        .json = command->output != OUTPUT_TEXT, .text = STRBUF_INIT(RULES_TEXT_MAX), .out = out};
    int status = EXIT_FINE;

    rules_look(command, &(struct reconcile_viewer){show_plan, &view}, &report);
    if (!view.looked) {
        strbuf_clear(out);
        status = rules_say_failed(command, &report);
    } else {
        add_plan(strbuf_slice(&view.text), text_look_of(STDOUT_FILENO), out);
        if (report.to_write > 0 || report.outcome != RECONCILE_COMPLETE)
            status = EXIT_NEGATIVE;
    }
    strbuf_fini(&view.text);
    return status;
}

/* What is being done, as it is done; looks only if they take long. */
static void say(void *context, const char *doing, const char *about)
{
    progress_begin(context, "%s%s%s", doing, *about ? " " : "", about);
    if (!slice_starts_with(slice_str(doing), slice_str("looking")))
        (void)fprintf(stderr, "%s%s%s\n", doing, *about ? " " : "", about);
}

static void add_table(const struct rules_command *command, const struct reconcile_report *report,
                      struct strbuf *out)
{
    static const char *const headings[] = {"REGISTRY", "PREFIX", "STATE", "REASON"};
    struct text_table *table = text_table_new(headings, 4);

    text_table_fold(table, 1u << 3);
    for (size_t i = 0; i < report->n_statuses; i++) {
        const struct config_upstream *upstream = &command->config.upstreams[i];
        enum upstream_state state = report->statuses[i].state;

        if (!upstream->enabled)
            continue;
        text_table_add(table, slice_str(upstream->registry), TEXT_NO_COLOUR);
        text_table_add(table, slice_str(upstream->prefix), TEXT_NO_COLOUR);
        text_table_add(table, slice_str(upstream_state_name(state)), rules_colour(state));
        text_table_add(table, slice_str(report->statuses[i].reason), TEXT_NO_COLOUR);
    }
    text_table_print(table, text_look_of(STDOUT_FILENO), out);
    text_table_free(table);
    rules_add_notes(out, (const char *const *)report->notes, report->n_notes);
}

static void add_json(const struct rules_command *command, const struct reconcile_report *report,
                     struct strbuf *out)
{
    struct json_writer json = json_begin(out, true);

    json_add_text(&json, "outcome", reconcile_outcome_name(report->outcome));
    json_add_number(&json, "changes", report->changes);
    json_add_text(&json, "account", report->account);
    json_add_text(&json, "region", report->region);
    json_add_given(&json, "problem", report->problem.text);
    add_json_upstreams(&json, command->config.upstreams, report->statuses, report->n_statuses);
    rules_add_json_notes(&json, (const char *const *)report->notes, report->n_notes);
    json_end(&json);
    strbuf_add_char(out, '\n');
}

static int pass(struct rules_command *command, struct strbuf *out)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};
    struct reconcile *reconcile = reconcile_new();

    reconcile_is_single(reconcile);
    reconcile_configure(reconcile, &command->config);
    reconcile_watch(reconcile, &(struct reconcile_watcher){say, &command->progress});
    reconcile_pass(reconcile, command->client, command->account, &command->timing, &report);
    progress_end(&command->progress);
    reconcile_free(reconcile);
    if (report.outcome == RECONCILE_FAILED && report.changes == 0)
        return rules_say_failed(command, &report);
    if (command->output != OUTPUT_TEXT)
        add_json(command, &report, out);
    else
        add_table(command, &report, out);
    if (command->output == OUTPUT_TEXT && *report.problem.text)
        (void)fprintf(stderr, "pullthrough rules: %s\n", report.problem.text);
    return report.outcome == RECONCILE_COMPLETE ? EXIT_FINE : EXIT_NEGATIVE;
}

int rules_apply(struct rules_command *command, struct strbuf *out)
{
    command->config.reconcile.mode = CONFIG_RECONCILE_MANAGE;
    return command->dry_run ? dry_run(command, out) : pass(command, out);
}
