/*
 * Table of contents: the commands, and which one a command line means. How one reads its command
 * line is told by its own table; here is only what all have in common.
 */
#include "pullthrough/app/cli/commands.h"

#include "command.h"
#include "command_line.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/json/json_yaml.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char commands_about[] =
    "Rewrites the images of pods to the pull-through-cache of your own Amazon ECR";

const struct command *const commands[] = {
    &command_serve,        &command_scan,         &command_warm,
    &command_images,       &command_rewrite,      &command_review,
    &command_check_config, &command_certificates, &command_rules,
    &command_verify,       &command_iam,          &command_completion,
    &command_help,         &command_version,      NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    return NULL;
}

int command_unknown(const char *name, struct error *error)
{
    struct spelling spelling = {.written = slice_str(name)};

    for (size_t i = 0; commands[i]; i++)
        spelling_try(&spelling, commands[i]->name);
    (void)command_unknown_word(&spelling, "command", "", error);
    return error_prefix(error, "%s", name);
}

void command_add_denied(struct error *error)
{
    const struct error said = *error;

    if (strstr(said.text, "AccessDenied")) /* AccessDeniedException, too */
        (void)error_set(error, "%s; what it takes is printed by: pullthrough iam verify",
                        said.text);
}

int command_fail(const struct command *command, int status, const char *reason)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "pullthrough %s: %s\n", command->name, reason);
    return status;
}

void command_say_reading(const struct command *command, const char *file)
{
    if ((!file || strcmp(file, "-") == 0) && isatty(STDIN_FILENO) == 1)
        (void)fprintf(stderr, "pullthrough %s: reading from the terminal; Ctrl-D ends it\n",
                      command->name);
}

int command_misused(const struct command *command, const char *reason)
{
    STRBUF_CLEANUP struct strbuf usage = STRBUF_INIT(COMMAND_TEXT_MAX);

    command_add_usage(&usage, command);
    (void)command_fail(command, EXIT_USAGE, reason);
    (void)fputs(strbuf_str(&usage), stderr);
    return EXIT_USAGE;
}

int command_print(const struct command *command, const struct strbuf *text)
{
    if (!strbuf_overflowed(text) && fwrite(strbuf_str(text), 1, text->len, stdout) == text->len &&
        fflush(stdout) == 0)
        return EXIT_FINE;
    return command_fail(command, EXIT_FAILED,
                        strbuf_overflowed(text) ? "the text is too long"
                                                : "can't write all of the output");
}

int command_print_document(const struct command *command, const struct strbuf *json,
                           enum command_output output)
{
    STRBUF_CLEANUP struct strbuf yaml = STRBUF_INIT(2 * json->ceiling);

    if (output != OUTPUT_YAML || strbuf_overflowed(json))
        return command_print(command, json);
    alloc_must(json_yaml_print(&yaml, strbuf_slice(json)) == 0);
    return command_print(command, &yaml);
}

static int run(const struct command *command, int argc, char **argv)
{
    STRBUF_CLEANUP struct strbuf help = STRBUF_INIT(COMMAND_TEXT_MAX);
    COMMAND_LINE_CLEANUP struct command_line line;
    struct error error = {""};
    int r = command_line_read(&line, command, argc, argv, &error);

    if (r < 0)
        return command_misused(command, error.text);
    if (r == 0)
        return command->run(&line);
    command_add_help(&help, command);
    return command_print(command, &help);
}

/* No command, or one that there is not. */
static int misused(const char *name)
{
    STRBUF_CLEANUP struct strbuf overview = STRBUF_INIT(COMMAND_TEXT_MAX);
    struct error error = {""};

    command_add_overview(&overview);
    if (name && command_unknown(name, &error))
        (void)fprintf(stderr, "pullthrough: %s\n\n", error.text);
    (void)fputs(strbuf_str(&overview), stderr);
    return EXIT_USAGE;
}

int commands_run(int argc, char **argv)
{
    const struct command *command;

    if (argc > 0)
        command_set_program(argv[0]);
    if (argc < 2)
        return misused(NULL);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        command = &command_help;
    else if (strcmp(argv[1], "--version") == 0)
        command = &command_version;
    else
        command = command_find(argv[1]);
    return command ? run(command, argc - 1, argv + 1) : misused(argv[1]);
}
