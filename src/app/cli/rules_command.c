/*
 * What a person reads and what a script reads are made from the same report, side by side: texts of
 * others are made printable for the one and escaped for the other.
 */
#include "rules_command.h"

#include "pullthrough/app/cli/commands.h"

#include <stdio.h>

static void say(void *context, const char *doing, const char *about)
{
    progress_begin(context, "%s%s%s", doing, *about ? " " : "", about);
}

void rules_look(struct rules_command *command, const struct reconcile_viewer *viewer,
                struct reconcile_report *report)
{
    struct reconcile *reconcile = reconcile_new();

    reconcile_configure(reconcile, &command->config);
    reconcile_watch(reconcile, &(struct reconcile_watcher){say, &command->progress});
    reconcile_preview(reconcile, command->client, command->account, &command->timing, report,
                      viewer);
    progress_end(&command->progress);
    reconcile_free(reconcile);
}

int rules_say_failed(struct rules_command *command, const struct reconcile_report *report)
{
    progress_end(&command->progress);
    (void)fprintf(stderr, "pullthrough rules: ECR could not be looked at: %s\n",
                  report->problem.text);
    return EXIT_FAILED;
}

void rules_add_notes(struct strbuf *out, const char *const *notes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        strbuf_add_str(out, i == 0 ? "\nNote: " : "Note: ");
        text_add_printable(out, slice_str(notes[i]));
        strbuf_add_str(out, ".\n");
    }
}

enum text_colour rules_colour(enum upstream_state state)
{
    switch (state) {
    case UPSTREAM_READY: return TEXT_GREEN;
    case UPSTREAM_UNKNOWN:
    case UPSTREAM_MISSING: return TEXT_YELLOW;
    case UPSTREAM_CONFLICT:
    case UPSTREAM_DENIED:
    case UPSTREAM_SECRET_MISSING:
    case UPSTREAM_SECRET_INVALID:
    case UPSTREAM_UNSUPPORTED: return TEXT_RED;
    case UPSTREAM_DISABLED: break;
    }
    return TEXT_NO_COLOUR;
}

void rules_add_json_notes(struct json_writer *json, const char *const *notes, size_t n)
{
    json_add_line(json, 2);
    json_add_array(json, "notes");
    for (size_t i = 0; i < n; i++)
        json_add_text(json, NULL, notes[i]);
    json_end(json);
}

/* Parts of an upstream whose images aren't rewritten. */
static void add_left_alone(struct json_writer *json, const struct upstream_taken *taken, size_t n)
{
    json_add_array(json, "leftAlone");
    for (size_t i = 0; i < n; i++) {
        json_add_object(json, NULL);
        json_add_text(json, "below", taken[i].path);
        json_add_text(json, "reason", taken[i].reason);
        json_end(json);
    }
    json_end(json);
}

void rules_add_json_upstream(struct json_writer *json, const struct config_upstream *upstream,
                             const struct upstream_status *status)
{
    json_add_line(json, 4);
    json_add_object(json, NULL);
    json_add_text(json, "registry", upstream->registry);
    json_add_text(json, "prefix", upstream->prefix);
    json_add_text(json, "url", upstream->url);
    json_add_bool(json, "enabled", upstream->enabled);
    json_add_text(json, "state", upstream_state_name(status->state));
    json_add_slice(json, "reason", slice_str(status->reason));
    add_left_alone(json, status->taken, status->n_taken);
}
