/*
 * `pullthrough rules`: ECR's pull-through-cache rules from the command line. Here is what its verbs
 * have in common; each has a source of its own, and works with the reconciler's parts, so that both
 * say the same. What they found is printed whole at the end, or not at all.
 */
#include "command_config.h"
#include "pullthrough/app/base/aws_access.h"
#include "rules_command.h"

enum { DRY_RUN, YES, CONFIG, PROFILE, ACCOUNT, REGION, OUTPUT };
enum { LIST, APPLY, DELETE };

static const struct command_option options[] = {
    [DRY_RUN] = {.name = "dry-run",
                 .verbs = 1 << APPLY,
                 .help = "apply: print what would be made, and make nothing"},
    [YES] = {.name = "yes", .verbs = 1 << DELETE, .help = "delete: without asking"},
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
    [OUTPUT] = COMMAND_OUTPUT_NAMES("list: the prefix of each rule that ECR has, one a line"),
};

static const struct command_verb verbs[] = {
    [LIST] = {.name = "list",
              .help =
                  "what ECR has, what is wanted, and how each upstream stands; others' rules too"},
    [APPLY] = {.name = "apply",
               .help =
                   "make what is missing, once, now, whatever reconcile.mode says; never deletes, "
                   "never points a rule elsewhere"},
    [DELETE] = {.name = "delete",
                .word = "PREFIX",
                .values = VALUES_PREFIXES,
                .help = "delete the one rule that is named; what is cached stays"},
};

static int act(const struct command_line *line, struct rules_command *command)
{
    static int (*const acts[])(struct rules_command *, struct strbuf *) = {
        [LIST] = rules_list, [APPLY] = rules_apply, [DELETE] = rules_delete};
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(RULES_TEXT_MAX);
    struct error error = {""};
    int status, printed;

    progress_init(&command->progress, "rules");
    command->timing = progress_timing(&command->progress);
    if (command_config_load(line, &command->loaded, &command->config, &error) < 0 ||
        aws_access_named_account(command->account, &command->config, &error) < 0 ||
        aws_access_for_command(&command->client, &command->config,
                               command_line_option(line, PROFILE), &command->timing, &error) < 0)
        return command_fail(line->command, EXIT_FAILED, error.text);
    status = acts[line->verb](command, &out);
    printed = command_print_document(line->command, &out, command->output);
    return printed == EXIT_FINE ? status : printed;
}

static int run(const struct command_line *line)
{
    struct rules_command command = {
        .prefix = line->n_words ? line->words[0] : NULL,
        .dry_run = command_line_option(line, DRY_RUN) != NULL,
        .yes = command_line_option(line, YES) != NULL,
        .output = command_output_of(line, OUTPUT),
    };
    int status;

    if (command.output == OUTPUT_NAME && line->verb != LIST)
        return command_misused(line->command, "-o name: is for list");
    status = act(line, &command);

    aws_client_free(command.client);
    config_unref(command.loaded);
    return status;
}

const struct command command_rules = {
    .name = "rules",
    .summary = "list, make or delete ECR's pull-through-cache rules",
    .usage = "list [OPTION...]\napply [--dry-run] [OPTION...]\ndelete PREFIX [--yes] [OPTION...]",
    .about = "The pull-through-cache rules of ECR beside those that the configuration wants.",
    .examples = "pullthrough rules apply --dry-run --config config.yaml\n"
                "pullthrough rules delete docker-hub",
    .exits =
        {"list: listed. apply: every enabled upstream is ready; with --dry-run: nothing to do. "
         "delete: deleted",
         "apply: not all are ready; with --dry-run: something is to do, by apply or by you (an "
         "upstream that is left though it isn't ready). delete: there is no such rule, or the "
         "answer was no",
         [EXIT_FAILED] = "could not look, or could not do it"},
    COMMAND_VERBS(verbs),
    COMMAND_OPTIONS(options),
    .run = run,
};
