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

void rules_add_member(struct strbuf *out, bool first, const char *name, const char *text)
{
    strbuf_add_format(out, "%s\"%s\": ", first ? "" : ", ", name);
    strbuf_add_json(out, slice_str(text));
}

void rules_add_json_notes(struct strbuf *out, const char *const *notes, size_t n)
{
    strbuf_add_str(out, ",\n  \"notes\": [");
    for (size_t i = 0; i < n; i++) {
        strbuf_add_str(out, i ? ", " : "");
        strbuf_add_json(out, slice_str(notes[i]));
    }
    strbuf_add_char(out, ']');
}

void rules_add_upstream(struct strbuf *out, const struct config_upstream *upstream,
                        enum upstream_state state, const char *reason)
{
    strbuf_add_char(out, '{');
    rules_add_member(out, true, "registry", upstream->registry);
    rules_add_member(out, false, "prefix", upstream->prefix);
    rules_add_member(out, false, "url", upstream->url);
    strbuf_add_format(out, ", \"enabled\": %s", upstream->enabled ? "true" : "false");
    rules_add_member(out, false, "state", upstream_state_name(state));
    rules_add_member(out, false, "reason", reason);
}

void rules_add_left_alone(struct strbuf *out, const struct upstream_taken *taken, size_t n)
{
    strbuf_add_str(out, ", \"leftAlone\": [");
    for (size_t i = 0; i < n; i++) {
        strbuf_add_str(out, i ? ", {" : "{");
        rules_add_member(out, true, "below", taken[i].path);
        rules_add_member(out, false, "reason", taken[i].reason);
        strbuf_add_char(out, '}');
    }
    strbuf_add_char(out, ']');
}
