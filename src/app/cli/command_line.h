/*
 * The one reader of command lines: what a user wrote, by the table of the command.
 *
 * Options and words may stand in any order; `--` ends the options; `--opt value`, `--opt=value`,
 * `-o value` and `-ovalue` are the same; a name isn't shortened, because a new option would take
 * that away. It reads and prints nothing.
 */
#ifndef PULLTHROUGH_SRC_APP_CLI_COMMAND_LINE_H
#define PULLTHROUGH_SRC_APP_CLI_COMMAND_LINE_H

#include "command.h"

/* The texts are those of argv. */
struct command_line {
    const struct command *command;
    size_t verb;  /* row of the command's verbs; COMMAND_NO_VERB */
    char **words; /* without the verb */
    size_t n_words;
    struct command_given {
        size_t option;        /* row of the command's options */
        const char *argument; /* "" where it takes none */
    } * given;                /* owned */
    size_t n_given;
};

#define COMMAND_NO_VERB      ((size_t)-1)
#define COMMAND_LINE_CLEANUP __attribute__((cleanup(command_line_fini)))

enum { COMMAND_LINE_HELP = 1 }; /* --help was asked for, before anything was wrong */

/* Read argv from argv[1] on, whose order changes; argv[argc] needn't be NULL. 0,
 * COMMAND_LINE_HELP, or -1: wrong usage. Always to be given to command_line_fini(). */
int command_line_read(struct command_line *line, const struct command *command, int argc,
                      char **argv, struct error *error);
void command_line_fini(struct command_line *line);

/* The option's argument, the last one if it is given more than once; NULL if it isn't given. */
const char *command_line_option(const struct command_line *line, size_t option);
/* The same of an option by its name, for who serves several tables; NULL where there is none. */
const char *command_line_named(const struct command_line *line, const char *name);
/* Its row; no row where there is none, which nobody gives then. */
size_t command_line_row(const struct command_line *line, const char *name);
/* How often it is given, and all arguments in order into `arguments`, which may be NULL. */
size_t command_line_options(const struct command_line *line, size_t option, const char **arguments);

#endif
