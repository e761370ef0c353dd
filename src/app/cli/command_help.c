/*
 * `pullthrough help`: what `--help` says, and the manual page, which the build asks for.
 */
#include "command_line.h"

enum { MANUAL };

static const struct command_option options[] = {
    [MANUAL] = {.name = "man", .help = "the manual page of the program, pullthrough(1)"},
};

static int run(const struct command_line *line)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);
    const struct command *command = line->n_words ? command_find(line->words[0]) : NULL;
    struct error error = {""};

    if (line->n_words && !command && command_unknown(line->words[0], &error))
        return command_misused(line->command, error.text);
    if (command && command_line_option(line, MANUAL))
        return command_misused(line->command, "--man: is for the whole program");
    if (command_line_option(line, MANUAL))
        command_add_manual(&text);
    else if (command)
        command_add_help(&text, command);
    else
        command_add_overview(&text);
    return command_print(line->command, &text);
}

const struct command command_help = {
    .name = "help",
    .summary = "tell about a command",
    .usage = "[COMMAND]\n--man",
    .about = "Tell what a command does and how to write it; without COMMAND, which ones there are.",
    .exits = {[EXIT_FINE] = "told", [EXIT_FAILED] = "could not write it"},
    .word = "COMMAND",
    .words_most = 1,
    COMMAND_OPTIONS(options),
    .run = run,
};
