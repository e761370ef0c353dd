/*
 * `pullthrough rules delete PREFIX`: the one rule that is named, whosever it is, after it was
 * shown. Nothing else in the program deletes.
 */
#include "rules_command.h"

#include "pullthrough/app/cli/commands.h"
#include "pullthrough/edge/aws/ecr_client.h"

#include <stdio.h>
#include <unistd.h>

static int complain(struct rules_command *command, int status, const char *reason)
{
    progress_end(&command->progress);
    (void)fprintf(stderr, "pullthrough rules delete: %s\n", reason);
    return status;
}

static const struct config_upstream *find_upstream(const struct config *config, const char *prefix)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (config->upstreams[i].enabled && ecr_prefix_is(config->upstreams[i].prefix, prefix))
            return &config->upstreams[i];
    return NULL;
}

static void describe(const struct rules_command *command, const struct ecr_rule *rule,
                     struct strbuf *out)
{
    const struct config_upstream *upstream = find_upstream(&command->config, rule->prefix);

    strbuf_add_str(out, "The rule \"");
    text_add_printable(out, slice_str(rule->prefix));
    strbuf_add_str(out, "\" points to ");
    text_add_printable(out, slice_str(rule->upstream_url));
    strbuf_add_format(out, ". Without it nothing new is cached below it; repositories and images "
                           "that are cached stay, and cost what they cost.\n");
    if (upstream)
        strbuf_add_format(out,
                          "The configuration wants it for images of %s: where reconcile.mode is "
                          "manage, `serve` makes it again.\n",
                          upstream->registry);
}

/* On the terminal; true for a yes. */
static bool ask(const char *prefix)
{
    char answer[16];

    (void)fprintf(stderr, "Delete the rule \"%s\"? Type yes: ", prefix);
    (void)fflush(stderr);
    return fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0;
}

static int carry_out(struct rules_command *command, const struct ecr_client *client,
                     struct strbuf *out)
{
    int result;

    progress_begin(&command->progress, "deleting the rule %s", command->prefix);
    result = ecr_client_delete_rule(client, command->prefix);
    progress_end(&command->progress);
    if (result == AWS_CLIENT_REFUSED && client->failure->class == AWS_ERROR_NOT_FOUND)
        return complain(command, EXIT_NEGATIVE, "the rule is gone already");
    if (result != 0)
        return complain(command, EXIT_FAILED, client->error->text);
    if (command->output != OUTPUT_TEXT) {
        struct json_writer json = json_begin(out, true);

        json_add_text(&json, "deleted", command->prefix);
        json_end(&json);
        strbuf_add_char(out, '\n');
    } else {
        strbuf_add_format(out, "Deleted the rule \"%s\".\n", command->prefix);
    }
    return EXIT_FINE;
}

static int confirm(struct rules_command *command, const struct ecr_rule *rule)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(RULES_TEXT_MAX);

    describe(command, rule, &text);
    (void)fputs(strbuf_str(&text), stderr);
    if (command->yes)
        return EXIT_FINE;
    return ask(command->prefix)
               ? EXIT_FINE
               : complain(command, EXIT_NEGATIVE, "nothing is deleted: the answer was not yes");
}

static void say_which(const struct ecr_rules *rules, const char *prefix, struct error *error)
{
    struct spelling spelling = {.written = slice_str(prefix)};

    for (size_t i = 0; i < rules->n; i++)
        spelling_try(&spelling, rules->items[i].prefix);
    if (spelling.nearest)
        (void)error_set(error, "there is no rule \"%s\", did you mean \"%s\"?", prefix,
                        spelling.nearest);
    else
        (void)error_set(error,
                        "there is no rule \"%s\"; `pullthrough rules list -o name` names those "
                        "that there are",
                        prefix);
}

int rules_delete(struct rules_command *command, struct strbuf *out)
{
    ARENA_CLEANUP struct arena arena = {0};
    struct aws_error failure = {0};
    struct error error = {""};
    const struct ecr_client client = {
        .aws = command->client, .arena = &arena, .failure = &failure, .error = &error};
    const struct ecr_rule *rule;
    struct ecr_rules rules;
    int status;

    if (!command->yes && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
        return complain(command, EXIT_USAGE,
                        "nobody can be asked here: --yes says that it is meant");
    arena_init(&arena, 16 * 1024);
    progress_begin(&command->progress, "looking at ECR's rules");
    if (ecr_client_rules(&client, &rules) != 0)
        return complain(command, EXIT_FAILED, error.text);
    progress_end(&command->progress);
    rule = ecr_rules_find(&rules, command->prefix);
    if (!rule) {
        say_which(&rules, command->prefix, &error);
        return complain(command, EXIT_NEGATIVE, error.text);
    }
    command->prefix = rule->prefix; /* as ECR has it, which may end in "/" */
    status = confirm(command, rule);
    return status == EXIT_FINE ? carry_out(command, &client, out) : status;
}
