/*
 * Once from left to right: options are taken as they come, words gathered at the front of argv.
 * What words mean is looked at afterwards, since an option may stand before the verb that allows
 * it.
 */
#include "command_line.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

void command_line_fini(struct command_line *line)
{
    free(line->given);
}

static int unknown_option(const struct command *command, struct slice name, struct error *error)
{
    struct spelling spelling = {.written = name};
    const struct command_option *option;

    for (size_t i = 0; (option = command_option_at(command, i)); i++)
        spelling_try(&spelling, option->name);
    return command_unknown_word(&spelling, "option", "--", error);
}

/* "a", "a or b", "a, b or c" */
static void add_choices(struct strbuf *out, const char *choices)
{
    struct slice rest = slice_str(choices);

    while (rest.len) {
        strbuf_add_slice(out, slice_cut(&rest, ' '));
        if (rest.len)
            strbuf_add_str(out, slice_find(rest, ' ') < rest.len ? ", " : " or ");
    }
}

static bool is_choice(const char *choices, struct slice text)
{
    struct slice rest = slice_str(choices);

    while (rest.len)
        if (slice_equal(slice_cut(&rest, ' '), text))
            return true;
    return false;
}

static int check_argument(const struct command_option *option, const char *argument,
                          struct error *error)
{
    STRBUF_CLEANUP struct strbuf choices = STRBUF_INIT(ERROR_TEXT_BYTES);

    if (option->check && option->check(slice_str(argument), error) < 0)
        return -1;
    if (!option->choices || is_choice(option->choices, slice_str(argument)))
        return 0;
    add_choices(&choices, option->choices);
    return error_set(error, "wants %s, not \"%s\"", strbuf_str(&choices), argument);
}

/* Where the reader is: argv[at] comes next. */
struct reading {
    struct command_line *line;
    int argc, at;
    char **argv;
    struct error *error;
};

static size_t find_option(const struct command *command, struct slice name, char letter)
{
    const struct command_option *option;
    size_t i = 0;

    while ((option = command_option_at(command, i)) &&
           (letter ? option->letter != letter : !slice_is(name, option->name)))
        i++;
    return i;
}

static int missing_argument(const struct command_option *option, const char *text,
                            struct error *error)
{
    STRBUF_CLEANUP struct strbuf choices = STRBUF_INIT(ERROR_TEXT_BYTES);

    if (option->choices)
        add_choices(&choices, option->choices);
    return error_set(error, "%s: an argument is missing%s%s", text, choices.len ? ": " : "",
                     strbuf_str(&choices));
}

/* Take "--name", "--name=argument", "-l" or "-largument", and the argument that follows. */
static int take_option(struct reading *reading, const char *text)
{
    const struct command *command = reading->line->command;
    char letter = text[1] == '-' ? '\0' : text[1];
    struct slice whole = slice_str(text), name = slice_from(whole, letter ? 1 : 2);
    const char *argument = NULL;
    size_t end = letter ? 1 : slice_find(name, '='), option;
    const struct command_option *row;
    struct slice as_written;

    if (end < name.len)
        argument = name.ptr + end + (letter ? 0 : 1);
    name.len = end;
    as_written = slice_of(text, (size_t)(name.ptr - text) + end);
    option = find_option(command, name, letter);
    row = command_option_at(command, option);
    if (!row) {
        (void)unknown_option(command, letter ? slice_from(whole, 1) : name, reading->error);
        return error_prefix(reading->error, "%.*s", SLICE_FMT(letter ? whole : as_written));
    }
    if (argument && !row->argument)
        return error_set(reading->error, "%.*s: takes no argument", SLICE_FMT(as_written));
    if (option == command->n_options)
        return COMMAND_LINE_HELP;
    if (!argument && row->argument && reading->at == reading->argc)
        return missing_argument(row, text, reading->error);
    if (!argument)
        argument = row->argument ? reading->argv[reading->at++] : "";
    reading->line->given[reading->line->n_given++] = (struct command_given){option, argument};
    if (check_argument(row, argument, reading->error) < 0)
        return error_prefix(reading->error, "%.*s", SLICE_FMT(as_written));
    return 0;
}

static int missing_verb(const struct command *command, struct error *error)
{
    STRBUF_CLEANUP struct strbuf names = STRBUF_INIT(ERROR_TEXT_BYTES);
    STRBUF_CLEANUP struct strbuf choices = STRBUF_INIT(ERROR_TEXT_BYTES);

    command_add_verbs(&names, command);
    add_choices(&choices, strbuf_str(&names));
    return error_set(error, "%s?", strbuf_str(&choices));
}

static int unknown_verb(const struct command *command, const char *text, struct error *error)
{
    struct spelling spelling = {.written = slice_str(text)};

    for (size_t i = 0; i < command->n_verbs; i++)
        spelling_try(&spelling, command->verbs[i].name);
    (void)command_unknown_word(&spelling, "", "", error);
    return error_prefix(error, "%s", text);
}

static int take_verb(struct command_line *line, struct error *error)
{
    const struct command *command = line->command;

    line->verb = COMMAND_NO_VERB;
    if (!command->n_verbs || (!line->n_words && command->verb_is_optional))
        return 0;
    if (!line->n_words)
        return missing_verb(command, error);
    for (size_t i = 0; i < command->n_verbs; i++)
        if (strcmp(line->words[0], command->verbs[i].name) == 0)
            line->verb = i;
    if (line->verb == COMMAND_NO_VERB)
        return unknown_verb(command, line->words[0], error);
    line->words++;
    line->n_words--;
    return 0;
}

static int check_words(const struct command_line *line, struct error *error)
{
    const struct command_verb *verb =
        line->verb == COMMAND_NO_VERB ? NULL : &line->command->verbs[line->verb];
    size_t most = verb ? verb->word != NULL : line->command->words_most;

    if (verb && verb->many)
        return 0;
    if (verb && verb->word && (line->n_words ? !*line->words[0] : *verb->word != '['))
        return error_set(error, "%s: the %s is missing", verb->name, verb->word);
    if (line->n_words > most)
        return error_set(error, "%s: one too many", line->words[most]);
    return 0;
}

/* Which options go with the verb, and which must be there. */
static int check_options(const struct command_line *line, struct error *error)
{
    const struct command *command = line->command;

    for (size_t i = 0; i < command->n_options; i++) {
        const struct command_option *option = &command->options[i];
        bool given = command_line_option(line, i) != NULL;

        if (!given && option->needed)
            return error_set(error, "--%s: is needed", option->name);
        if (given && option->verbs && line->verb != COMMAND_NO_VERB &&
            !(option->verbs & 1U << line->verb))
            return error_set(error, "--%s: is not for %s", option->name,
                             command->verbs[line->verb].name);
    }
    return 0;
}

int command_line_read(struct command_line *line, const struct command *command, int argc,
                      char **argv, struct error *error)
{
    struct reading reading = {.line = line, .argc = argc, .at = 1, .argv = argv, .error = error};
    bool options_end = false;
    int r;

    *line = (struct command_line){.command = command, .words = argv};
    line->given = alloc_zeroed((size_t)argc, sizeof(*line->given));
    while (reading.at < argc) {
        char *text = argv[reading.at++];

        if (options_end || text[0] != '-' || !text[1])
            line->words[line->n_words++] = text; /* no further than what is read already */
        else if (strcmp(text, "--") == 0)
            options_end = true;
        else if ((r = take_option(&reading, text)) != 0)
            return r;
    }
    return take_verb(line, error) || check_words(line, error) || check_options(line, error) ? -1
                                                                                            : 0;
}

const char *command_line_option(const struct command_line *line, size_t option)
{
    const char *argument = NULL;

    for (size_t i = 0; i < line->n_given; i++)
        if (line->given[i].option == option)
            argument = line->given[i].argument;
    return argument;
}

size_t command_line_row(const struct command_line *line, const char *name)
{
    const struct command_option *option;
    size_t row = 0;

    while ((option = command_option_at(line->command, row)) && strcmp(option->name, name) != 0)
        row++;
    return row;
}

const char *command_line_named(const struct command_line *line, const char *name)
{
    return command_line_option(line, command_line_row(line, name));
}

enum command_output command_output_of(const struct command_line *line, size_t option)
{
    static const char *const names[] = {
        [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml", [OUTPUT_NAME] = "name"};
    const char *said = command_line_option(line, option);

    for (unsigned i = OUTPUT_JSON; said && i <= OUTPUT_NAME; i++)
        if (strcmp(said, names[i]) == 0)
            return (enum command_output)i;
    return OUTPUT_TEXT;
}

size_t command_line_options(const struct command_line *line, size_t option, const char **arguments)
{
    size_t n = 0;

    for (size_t i = 0; i < line->n_given; i++) {
        if (line->given[i].option != option)
            continue;
        if (arguments)
            arguments[n] = line->given[i].argument;
        n++;
    }
    return n;
}
