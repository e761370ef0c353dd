/* The reader of command lines, by a table of its own; and what must be true of the real tables. */
#include "app/cli/command_line.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CONFIG, OUTPUT, FORCE, ACCOUNT };
enum { LIST, DELETE };

static const struct command_option options[] = {
    [CONFIG] = COMMAND_CONFIG,
    [OUTPUT] = {.name = "output", .letter = 'o', .argument = "FORM", .choices = "json yaml text"},
    [FORCE] = {.name = "force", .verbs = 1 << DELETE},
    [ACCOUNT] = COMMAND_ACCOUNT,
};
static const struct command_verb verbs[] = {
    [LIST] = {.name = "list", .help = ""},
    [DELETE] = {.name = "delete", .word = "PREFIX", .help = ""},
};
static const struct command with_words = {.words_most = 2, COMMAND_OPTIONS(options)};
static const struct command with_verbs = {COMMAND_VERBS(verbs), COMMAND_OPTIONS(options)};

/* What was read, as one text: "VERB | word… | option=argument…", the reason, or "help". */
static void read_line(const struct command *command, const char *text, char *result, size_t size)
{
    COMMAND_LINE_CLEANUP struct command_line line;
    struct error error = {""};
    char *argv[16], *copy = strdup(text), *rest = copy;
    int argc = 0, r;
    size_t len;

    assert_non_null(copy);
    while (rest)
        argv[argc++] = strsep(&rest, " ");
    r = command_line_read(&line, command, argc, argv, &error);
    if (r != 0) {
        (void)snprintf(result, size, "%s", r == COMMAND_LINE_HELP ? "help" : error.text);
    } else {
        len = (size_t)snprintf(result, size, "%s |",
                               line.verb == COMMAND_NO_VERB ? "" : command->verbs[line.verb].name);
        for (size_t i = 0; i < line.n_words; i++)
            len += (size_t)snprintf(result + len, size - len, " %s", line.words[i]);
        len += (size_t)snprintf(result + len, size - len, " |");
        for (size_t i = 0; i < line.n_given; i++)
            len += (size_t)snprintf(result + len, size - len, " %s=%s",
                                    command->options[line.given[i].option].name,
                                    line.given[i].argument);
    }
    free(copy);
}

static void test_lines(void **state)
{
    static const struct {
        const struct command *command;
        const char *line, *want;
    } rows[] = {
        {&with_words, "x", " | |"},
        {&with_words, "x a --config f b", " | a b | config=f"},
        {&with_words, "x --config=f -o json", " | | config=f output=json"},
        {&with_words, "x --config= --force", " | | config= force="},
        {&with_words, "x --config -", " | | config=-"},
        {&with_words, "x --config --force", " | | config=--force"},
        {&with_words, "x -ojson -o text", " | | output=json output=text"},
        {&with_words, "x -", " | - |"},
        {&with_words, "x -- --config", " | --config |"},
        {&with_words, "x a -- --", " | a -- |"},
        {&with_words, "x a b c", "c: one too many"},
        {&with_words, "x --help --nonsense", "help"},
        {&with_words, "x a b c -h", "help"},
        {&with_words, "x -- -h", " | -h |"},
        {&with_words, "x --nonsense -h", "--nonsense: unknown option"},
        {&with_words, "x --nonsense=1", "--nonsense: unknown option"},
        {&with_words, "x --confg=f", "--confg: unknown option, did you mean \"--config\"?"},
        {&with_words, "x --conf f", "--conf: unknown option, did you mean \"--config\"?"},
        {&with_words, "x -config", "-config: unknown option, did you mean \"--config\"?"},
        {&with_words, "x --help=x", "--help: takes no argument"},
        {&with_words, "x --help=", "--help: takes no argument"},
        {&with_words, "x -hx", "-h: takes no argument"},
        {&with_words, "x --hepl", "--hepl: unknown option, did you mean \"--help\"?"},
        {&with_words, "x -x", "-x: unknown option"},
        {&with_words, "x --", " | |"},
        {&with_words, "x --=a", "--: unknown option"},
        {&with_words, "x --config", "--config: an argument is missing"},
        {&with_words, "x -o", "-o: an argument is missing: json, yaml or text"},
        {&with_words, "x --force=yes", "--force: takes no argument"},
        {&with_words, "x -o xml", "-o: wants json, yaml or text, not \"xml\""},
        {&with_words, "x --output=jso", "--output: wants json, yaml or text, not \"jso\""},
        {&with_words, "x --output=", "--output: wants json, yaml or text, not \"\""},
        {&with_words, "x --account 12", "--account: wants the 12 digits of an AWS account"},
        {&with_verbs, "x", "list or delete?"},
        {&with_verbs, "x list", "list | |"},
        {&with_verbs, "x -o json list", "list | | output=json"},
        {&with_verbs, "x lsit", "lsit: unknown, did you mean \"list\"?"},
        {&with_verbs, "x show", "show: unknown"},
        {&with_verbs, "x list a", "a: one too many"},
        {&with_verbs, "x delete", "delete: the PREFIX is missing"},
        {&with_verbs, "x delete ", "delete: the PREFIX is missing"},
        {&with_verbs, "x delete a", "delete | a |"},
        {&with_verbs, "x delete a b", "b: one too many"},
        {&with_verbs, "x delete --force a", "delete | a | force="},
        {&with_verbs, "x list --force", "--force: is not for list"},
    };
    char result[512];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_line(rows[i].command, rows[i].line, result, sizeof(result));
        if (strcmp(result, rows[i].want) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].line, result, rows[i].want);
    }
}

static void test_an_option_that_is_needed(void **state)
{
    static const struct command_option needed[] = {
        {.name = "name", .argument = "NAME", .needed = true}};
    static const struct command command = {COMMAND_OPTIONS(needed)};
    char result[512];

    (void)state;
    read_line(&command, "x", result, sizeof(result));
    assert_string_equal(result, "--name: is needed");
    read_line(&command, "x --name=", result, sizeof(result));
    assert_string_equal(result, " | | name=");
}

static void test_verbs_that_may_be_left_out(void **state)
{
    static const struct command command = {COMMAND_VERBS(verbs), COMMAND_OPTIONS(options),
                                           .verb_is_optional = true};
    char result[512];

    (void)state;
    read_line(&command, "x --force", result, sizeof(result));
    assert_string_equal(result, " | | force=");
}

static void test_all_arguments_of_an_option(void **state)
{
    char *argv[] = {(char *)"x",    (char *)"--config=a", (char *)"-o",
                    (char *)"json", (char *)"--config",   (char *)"b"};
    COMMAND_LINE_CLEANUP struct command_line line;
    const char *found[6];
    struct error error;

    (void)state;
    assert_int_equal(command_line_read(&line, &with_words, 6, argv, &error), 0);
    assert_int_equal(command_line_options(&line, CONFIG, found), 2);
    assert_string_equal(found[0], "a");
    assert_string_equal(found[1], "b");
    assert_string_equal(command_line_option(&line, CONFIG), "b");
    assert_null(command_line_option(&line, FORCE));
    assert_int_equal(command_line_options(&line, FORCE, NULL), 0);
}

static void assert_ascii(const char *text)
{
    for (; text && *text; text++)
        if (!isprint((unsigned char)*text) && *text != '\n')
            fail_msg("byte %#x", (unsigned char)*text);
}

/* The usage is written by hand: it names options that there are. */
static void check_usage(const struct command *command)
{
    const char *at = command->usage;

    while ((at = strstr(at, "--"))) {
        size_t len = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-"), i = 0;

        while (i < command->n_options && !slice_is(slice_of(at + 2, len), command->options[i].name))
            i++;
        if (i == command->n_options)
            fail_msg("%s: %s", command->name, at);
        at += 2;
    }
    for (size_t i = 0; i < command->n_verbs; i++)
        assert_non_null(strstr(command->usage, command->verbs[i].name));
}

/* Each example is a command line that can be read. */
static void check_examples(const struct command *command)
{
    char *copy = strdup(command->examples), *rest = copy, *line, result[512];

    assert_non_null(copy);
    while ((line = strsep(&rest, "\n"))) {
        char *redirection = strstr(line, " <"), *pipe = strstr(line, "| ");

        line = pipe ? pipe + 2 : line; /* of a pipeline the last command */
        if (redirection)
            *redirection = '\0';
        assert_int_equal(strncmp(line, "pullthrough ", 12), 0);
        assert_int_equal(strncmp(line + 12, command->name, strlen(command->name)), 0);
        read_line(command, line + 12, result, sizeof(result));
        assert_non_null(strchr(result, '|')); /* it isn't the reason why not */
    }
    free(copy);
}

static void test_the_tables(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        const struct command *command = commands[i];

        assert_ptr_equal(command_find(command->name), command);
        assert_true(*command->summary && *command->about && command->run);
        assert_non_null(command->exits[EXIT_FINE]);
        assert_null(command->exits[EXIT_USAGE]);
        assert_ascii(command->about);
        assert_ascii(command->notes);
        for (size_t k = 0; k < command->n_options; k++) {
            assert_true(*command->options[k].help);
            assert_ascii(command->options[k].help);
            assert_true(command->options[k].letter != 'h');
        }
        check_usage(command);
        if (command->examples)
            check_examples(command);
    }
    assert_null(command_find("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_an_option_that_is_needed),
        cmocka_unit_test(test_verbs_that_may_be_left_out),
        cmocka_unit_test(test_all_arguments_of_an_option),
        cmocka_unit_test(test_the_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
