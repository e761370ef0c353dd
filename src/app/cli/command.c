/*
 * What may be asked of any command's table, and what tables share: --help, and options that mean
 * the same wherever they are. It knows no command and reads no command line.
 */
#include "command.h"

#include "pullthrough/core/config/config.h"
#include "pullthrough/core/image/ecr_host.h"

#include <string.h>

static const char *program = "pullthrough";

void command_set_program(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    if (strcmp(slash ? slash + 1 : argv0, "kubectl-pullthrough") == 0)
        program = "kubectl pullthrough";
}

const char *command_program(void)
{
    return program;
}

const struct command_option *command_option_at(const struct command *command, size_t i)
{
    static const struct command_option help = {
        .name = "help", .letter = 'h', .help = "tell about the command"};

    if (i < command->n_options)
        return &command->options[i];
    return i == command->n_options ? &help : NULL;
}

void command_add_verbs(struct strbuf *out, const struct command *command)
{
    for (size_t i = 0; i < command->n_verbs; i++)
        strbuf_add_format(out, "%s%s", i ? " " : "", command->verbs[i].name);
}

int command_unknown_word(const struct spelling *spelling, const char *what, const char *dashes,
                         struct error *error)
{
    const char *space = *what ? " " : "";

    return spelling->nearest ? error_set(error, "unknown%s%s, did you mean \"%s%s\"?", space, what,
                                         dashes, spelling->nearest)
                             : error_set(error, "unknown%s%s", space, what);
}

int command_check_account(struct slice text, struct error *error)
{
    return ecr_host_is_account(text) ? 0
                                     : error_set(error, "wants the 12 digits of an AWS account");
}

int command_check_region(struct slice text, struct error *error)
{
    return ecr_host_is_region(text) ? 0
                                    : error_set(error, "wants an AWS region, such as eu-central-1");
}
