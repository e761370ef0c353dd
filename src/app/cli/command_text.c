/*
 * The commands in words: usage, help, and the manual page, which is written for groff and mandoc
 * alike. Nothing is told here but what the tables say.
 */
#include "command.h"
#include "command_line.h"
#include "pullthrough/app/base/version.h"

#include <stdio.h>

enum { WIDTH = 79, TEXT_COLUMN = 24 };

static void add_spaces(struct strbuf *out, size_t n)
{
    strbuf_add_format(out, "%*s", (int)n, "");
}

/* Words in lines of at most WIDTH, each from `indent` on; the first begins at `column`. */
static void add_wrapped(struct strbuf *out, const char *text, size_t indent, size_t column)
{
    while (*text) {
        size_t len = strcspn(text, " \n");

        if (len && column > indent && column + 1 + len > WIDTH) {
            strbuf_add_char(out, '\n');
            column = 0;
        }
        if (len && column < indent)
            add_spaces(out, indent - column);
        else if (len && column > indent)
            strbuf_add_char(out, ' ');
        column = (column < indent ? indent : column + (column > indent)) + len;
        strbuf_add(out, text, len);
        text += len;
        if (*text == '\n') {
            strbuf_add_char(out, '\n');
            column = 0;
        }
        text += *text != '\0';
    }
    strbuf_add_char(out, '\n');
}

/* "  term   text", the text in a column of its own. */
static void add_entry(struct strbuf *out, const char *term, const char *text, size_t column)
{
    size_t end = 2 + strlen(term);

    strbuf_add_format(out, "  %s", term);
    if (end + 2 > column)
        strbuf_add_char(out, '\n');
    add_wrapped(out, text, column, end + 2 > column ? 0 : end);
}

/* "-o, --output json" */
static void add_option(struct strbuf *out, const struct command_option *option)
{
    if (option->letter)
        strbuf_add_format(out, "-%c, ", option->letter);
    strbuf_add_format(out, "--%s%s%s", option->name, option->argument ? " " : "",
                      option->argument ? option->argument : "");
}

static void add_option_entry(struct strbuf *out, const struct command_option *option)
{
    STRBUF_CLEANUP struct strbuf term = STRBUF_INIT(COMMAND_TEXT_MAX);

    strbuf_add_str(&term, option->letter ? "" : "    ");
    add_option(&term, option);
    add_entry(out, strbuf_str(&term), option->help, TEXT_COLUMN);
}

/* "delete PREFIX" */
static void add_verb(struct strbuf *out, const struct command_verb *verb)
{
    strbuf_add_format(out, "%s%s%s", verb->name, verb->word ? " " : "",
                      verb->word ? verb->word : "");
}

static const char *exit_words(const struct command *command, int status)
{
    return status == EXIT_USAGE ? "wrong usage" : command->exits[status];
}

/* Each line of `lines`, with `before` in front. */
static void add_lines(struct strbuf *out, const char *lines, const char *before)
{
    struct slice rest = slice_str(lines);

    do {
        strbuf_add_str(out, before);
        strbuf_add_slice(out, slice_cut(&rest, '\n'));
        strbuf_add_char(out, '\n');
    } while (rest.len);
}

void command_add_usage(struct strbuf *out, const struct command *command)
{
    struct slice rest = slice_str(command->usage);

    for (const char *before = "usage:"; before; before = rest.len ? "      " : NULL) {
        struct slice line = slice_cut(&rest, '\n');

        strbuf_add_format(out, "%s %s %s%s%.*s\n", before, command_program(), command->name,
                          line.len ? " " : "", SLICE_FMT(line));
    }
}

void command_add_help(struct strbuf *out, const struct command *command)
{
    const struct command_option *option;
    char digit[] = "0";

    command_add_usage(out, command);
    strbuf_add_char(out, '\n');
    add_wrapped(out, command->about, 0, 0);
    if (command->examples) {
        strbuf_add_str(out, "\nexamples:\n");
        add_lines(out, command->examples, "  ");
    }
    if (command->n_verbs)
        strbuf_add_char(out, '\n');
    for (size_t i = 0; i < command->n_verbs; i++) {
        STRBUF_CLEANUP struct strbuf term = STRBUF_INIT(COMMAND_TEXT_MAX);

        add_verb(&term, &command->verbs[i]);
        add_entry(out, strbuf_str(&term), command->verbs[i].help, TEXT_COLUMN);
    }
    strbuf_add_str(out, "\noptions:\n");
    for (size_t i = 0; (option = command_option_at(command, i)); i++)
        add_option_entry(out, option);
    if (command->notes) {
        strbuf_add_char(out, '\n');
        add_wrapped(out, command->notes, 0, 0);
    }
    if (command->sample) {
        strbuf_add_char(out, '\n');
        add_lines(out, command->sample, "    ");
    }
    strbuf_add_str(out, "\nexit status:\n");
    for (int status = EXIT_FINE; status <= EXIT_FAILED; status++) {
        digit[0] = (char)('0' + status);
        if (exit_words(command, status))
            add_entry(out, digit, exit_words(command, status), 5);
    }
}

void command_add_overview(struct strbuf *out)
{
    strbuf_add_format(out, "usage: %s COMMAND [ARGUMENT...]\n\n%s.\n\n", command_program(),
                      commands_about);
    for (size_t i = 0; commands[i]; i++)
        add_entry(out, commands[i]->name, commands[i]->summary, 16);
    strbuf_add_str(out, "\n`pullthrough help COMMAND` tells more.\n");
}

/* Text that roff shows as it is; a blank line divides paragraphs. */
static void add_roff(struct strbuf *out, const char *text)
{
    bool begins = true;

    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            strbuf_add_str(out, "\\&");
        if (begins && text[0] == '\n')
            strbuf_add_str(out, ".PP");
        switch (*text) {
        case '\\': strbuf_add_str(out, "\\e"); break;
        case '-': strbuf_add_str(out, "\\-"); break;
        case '\'': strbuf_add_str(out, "\\(aq"); break;
        case '`': strbuf_add_str(out, "\\(ga"); break;
        case '^': strbuf_add_str(out, "\\(ha"); break;
        case '~': strbuf_add_str(out, "\\(ti"); break;
        default: strbuf_add_char(out, *text);
        }
        begins = *text == '\n';
    }
    strbuf_add_char(out, '\n');
}

static void add_roff_entry(struct strbuf *out, const char *term, const char *text)
{
    strbuf_add_str(out, ".TP\n");
    add_roff(out, term);
    add_roff(out, text);
}

/* Lines that stay lines. */
static void add_roff_lines(struct strbuf *out, const char *lines)
{
    strbuf_add_str(out, ".nf\n.RS 4\n");
    add_roff(out, lines);
    strbuf_add_str(out, ".RE\n.fi\n");
}

static void add_roff_command(struct strbuf *out, const struct command *command)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);
    char digit[] = "0";

    strbuf_add_format(out, ".SS \"%s\"\n", command->name);
    command_add_usage(&text, command);
    strbuf_truncate(&text, text.len - 1);
    add_roff_lines(out, strbuf_str(&text));
    strbuf_add_str(out, ".PP\n");
    add_roff(out, command->about);
    for (size_t i = 0; i < command->n_verbs; i++) {
        strbuf_clear(&text);
        add_verb(&text, &command->verbs[i]);
        add_roff_entry(out, strbuf_str(&text), command->verbs[i].help);
    }
    for (size_t i = 0; i < command->n_options; i++) {
        strbuf_clear(&text);
        add_option(&text, &command->options[i]);
        add_roff_entry(out, strbuf_str(&text), command->options[i].help);
    }
    if (command->notes) {
        strbuf_add_str(out, ".PP\n");
        add_roff(out, command->notes);
    }
    if (command->sample)
        add_roff_lines(out, command->sample);
    if (command->examples) {
        strbuf_add_str(out, ".PP\nExamples:\n");
        add_roff_lines(out, command->examples);
    }
    strbuf_add_str(out, ".PP\nExit status:\n");
    for (int status = EXIT_FINE; status <= EXIT_FAILED; status++) {
        digit[0] = (char)('0' + status);
        if (exit_words(command, status))
            add_roff_entry(out, digit, exit_words(command, status));
    }
}

void command_add_manual(struct strbuf *out)
{
    strbuf_add_format(out,
                      ".TH PULLTHROUGH 1 \"\" \"pullthrough %s\" \"User Commands\"\n"
                      ".SH NAME\npullthrough \\- images of pods from your own Amazon ECR\n"
                      ".SH SYNOPSIS\n.B pullthrough\n.I COMMAND\n.RI [ ARGUMENT ...]\n"
                      ".SH DESCRIPTION\n",
                      version_number);
    add_roff(out, commands_about);
    strbuf_truncate(out, out->len - 1);
    strbuf_add_str(out, ".\n");
    for (size_t i = 0; commands[i]; i++)
        add_roff_entry(out, commands[i]->name, commands[i]->summary);
    strbuf_add_str(out, ".PP\n");
    add_roff(out, "Every command has -h, --help. Options and words may stand in any order; -- ends "
                  "the options; --option=ARGUMENT is the same as --option ARGUMENT.");
    strbuf_add_str(out, ".SH COMMANDS\n");
    for (size_t i = 0; commands[i]; i++)
        add_roff_command(out, commands[i]);
}
