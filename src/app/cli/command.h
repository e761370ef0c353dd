/*
 * A command as a table: from it come the reading of its command line, its help, its completion
 * and its part of the manual page. All texts are ASCII without line breaks of their own; "\n\n"
 * begins a paragraph.
 */
#ifndef PULLTHROUGH_SRC_APP_CLI_COMMAND_H
#define PULLTHROUGH_SRC_APP_CLI_COMMAND_H

#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/spelling.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

struct command_line;

/* What may stand somewhere, beyond what tables know; a shell offers it. */
enum command_values {
    VALUES_NONE,
    VALUES_PROFILES,   /* of AWS's shared files */
    VALUES_REGIONS,    /* that those, the configuration and the environment name */
    VALUES_CONTEXTS,   /* of kubectl */
    VALUES_PREFIXES,   /* of the configuration's upstreams */
    VALUES_REGISTRIES, /* of those that are enabled, to go on behind a "/" */
    VALUES_CACHED,     /* both */
};

struct command_option {
    const char *name;     /* without its dashes */
    const char *argument; /* what it is called in texts; "FILE" is completed. NULL: takes none */
    const char *choices;  /* the arguments there are, with a space between; NULL: any */
    enum command_values values;
    int (*check)(struct slice argument, struct error *error); /* or NULL: nothing to check */
    unsigned verbs; /* 1 << VERB: it is for these only, and for the command without; 0: all */
    char letter;    /* or '\0' */
    bool needed;
    const char *help;
};

/* The first word of a command that does several things. */
struct command_verb {
    const char *name;
    const char *word; /* the one word that it takes, as texts call it, in brackets where it may be
                         left out; NULL: none */
    const char *help;
    enum command_values values; /* of the word */
    bool many;                  /* it takes as many words as there are, and empty ones, too */
};

struct command {
    const char *name, *summary;
    const char *usage; /* what follows the name, one line for each way; "" for nothing */
    const char *about;
    const char *notes;                  /* below the options, or NULL */
    const char *sample;                 /* of a file, below the notes, or NULL */
    const char *examples;               /* whole command lines, one a line, or NULL */
    const char *exits[EXIT_FAILED + 1]; /* NULL: doesn't come; wrong usage needs no words */
    const struct command_verb *verbs;
    size_t n_verbs;
    bool verb_is_optional;
    const char *word;  /* without verbs: what texts call a word of it; "FILE" is completed */
    size_t words_most; /* and how many it takes */
    enum command_values values;           /* of each */
    const struct command_option *options; /* all but --help, which every command has */
    size_t n_options;
    int (*run)(const struct command_line *line);
};

#define COMMAND_VERBS(table)   .verbs = (table), .n_verbs = sizeof(table) / sizeof((table)[0])
#define COMMAND_OPTIONS(table) .options = (table), .n_options = sizeof(table) / sizeof((table)[0])

/* Options that mean the same wherever they are. */
#define COMMAND_CONFIG                                                                             \
    {                                                                                              \
        .name = "config", .argument = "FILE",                                                      \
        .help = "the configuration, \"-\" for standard input; without it the defaults hold"        \
    }
#define COMMAND_OUTPUT                                                                             \
    {                                                                                              \
        .name = "output", .letter = 'o', .argument = "FORMAT", .choices = "json yaml",             \
        .help = "json or yaml: one document instead"                                               \
    }
/* For a command that also gives names. */
#define COMMAND_OUTPUT_NAMES(names)                                                                \
    {                                                                                              \
        .name = "output", .letter = 'o', .argument = "FORMAT", .choices = "json yaml name",        \
        .help = "json or yaml: one document instead; name: " names                                 \
    }
enum command_output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };
/* What the option of that row says. */
enum command_output command_output_of(const struct command_line *line, size_t option);
#define COMMAND_ACCOUNT                                                                            \
    {                                                                                              \
        .name = "account", .argument = "ID", .check = command_check_account,                       \
        .help = "the registry's AWS account, over the configuration's"                             \
    }
#define COMMAND_REGION                                                                             \
    {                                                                                              \
        .name = "region", .argument = "REGION", .values = VALUES_REGIONS,                          \
        .check = command_check_region,                                                             \
        .help = "the registry's AWS region, over the configuration's"                              \
    }
#define COMMAND_PROFILE                                                                            \
    {                                                                                              \
        .name = "profile", .argument = "NAME", .values = VALUES_PROFILES,                          \
        .help = "the profile of AWS's shared files, over AWS_PROFILE and over keys in the "        \
                "environment"                                                                      \
    }
int command_check_account(struct slice text, struct error *error);
int command_check_region(struct slice text, struct error *error);

extern const struct command command_serve, command_scan, command_warm, command_images,
    command_rewrite, command_review, command_check_config, command_certificates, command_rules,
    command_verify, command_iam, command_completion, command_help, command_version;

/* What the user types for the program: "pullthrough", or "kubectl pullthrough" where it was started
 * as kubectl's plugin. Set once, by argv[0]. */
void command_set_program(const char *argv0);
const char *command_program(void);

/* The options that a command takes, --help behind its own; NULL behind it. */
const struct command_option *command_option_at(const struct command *command, size_t i);
/* Append the names of its verbs, with spaces between. */
void command_add_verbs(struct strbuf *out, const struct command *command);
/* -1: it is an unknown one of `what` ("option"; "": of what is plain), and which one is meant if
 * one is near enough, with `dashes` in front of it. */
int command_unknown_word(const struct spelling *spelling, const char *what, const char *dashes,
                         struct error *error);

/* All of them, in the order of the help; NULL ends them. */
extern const struct command *const commands[];
extern const char commands_about[]; /* the program in one sentence, without its full stop */

/* NULL if there is no such command. */
const struct command *command_find(const char *name);
/* -1: there is no command `name`; the error says so, and what may be meant. */
int command_unknown(const char *name, struct error *error);

/* Write the whole text to standard output. EXIT_FINE; or EXIT_FAILED, which it said. */
int command_print(const struct command *command, const struct strbuf *text);
/* The same; a document, which is JSON, in the format that is wanted. */
int command_print_document(const struct command *command, const struct strbuf *json,
                           enum command_output output);
/* Say on standard error that `file` is read from the terminal, if that is so: "-" or NULL. */
void command_say_reading(const struct command *command, const char *file);
/* Say on standard error why it fails; returns the status. */
int command_fail(const struct command *command, int status, const char *reason);
/* Adds to AWS's words, where they are that an action is denied, what prints what it takes. */
void command_add_denied(struct error *error);
/* The same for a wrong command line, and how to write it; EXIT_USAGE. */
int command_misused(const struct command *command, const char *reason);

/* Append texts for people: the lines "usage: …"; the help of a command; that of the program;
 * and the manual page, for man(7) as groff and mandoc read it. */
void command_add_usage(struct strbuf *out, const struct command *command);
void command_add_help(struct strbuf *out, const struct command *command);
void command_add_overview(struct strbuf *out);
void command_add_manual(struct strbuf *out);
enum { COMMAND_TEXT_MAX = 256 * 1024 };

#endif
