/*
 * The words are read as command_line_read() reads them, but with patience: whoever types isn't
 * done.
 */
#include "completion_offer.h"

#include "completion_values.h"

#include <string.h>

/* What the words before the last one say about it. */
struct typed {
    const struct command *command;
    const struct command_verb *verb;     /* or NULL */
    const struct command_option *option; /* the last word is its argument; or NULL */
    size_t n_words;                      /* behind command and verb */
    bool options_end;
};

static void add_choices(struct completion *completion, const char *choices)
{
    struct slice rest = slice_str(choices);

    while (rest.len)
        completion_add(completion, slice_cut(&rest, ' '), "");
}

static void add_commands(struct completion *completion)
{
    for (size_t i = 0; commands[i]; i++)
        completion_add(completion, slice_str(commands[i]->name), commands[i]->summary);
}

static bool is_file(const char *argument)
{
    return argument && strcmp(argument, "FILE") == 0;
}

static bool is_allowed(const struct typed *typed, const struct command_option *option)
{
    return !option->verbs || !typed->verb ||
           (option->verbs & 1U << (typed->verb - typed->command->verbs)) != 0;
}

static void add_options(struct completion *completion, const struct typed *typed)
{
    const struct command_option *option;

    for (size_t i = 0; (option = command_option_at(typed->command, i)); i++) {
        STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(COMMAND_TEXT_MAX);

        strbuf_add_format(&name, "--%s", option->name);
        if (is_allowed(typed, option))
            completion_add(completion, strbuf_slice(&name), option->help);
    }
}

/* Of "--name", "--name=argument", "-l" or "-largument"; *before: up to the argument, or empty. */
static const struct command_option *find_option(const struct command *command, const char *text,
                                                struct slice *before)
{
    struct slice name = slice_str(text);
    const struct command_option *option;
    size_t end = slice_find(name, '=');

    *before = (struct slice){0};
    for (size_t i = 0; (option = command_option_at(command, i)); i++) {
        if (text[1] != '-' && option->letter == text[1]) {
            if (text[2])
                *before = slice_of(text, 2);
            return option;
        }
        if (text[1] == '-' && slice_is(slice_of(text + 2, end - 2), option->name)) {
            if (end < name.len)
                *before = slice_of(text, end + 1);
            return option;
        }
    }
    return NULL;
}

static void take_argument(struct completion *completion, const struct command_option *option,
                          const char *argument)
{
    if (strcmp(option->name, "config") == 0)
        completion->config = argument;
    if (strcmp(option->name, "kubeconfig") == 0)
        completion->kubeconfig = argument;
}

static void take_word(struct typed *typed, const char *text)
{
    for (size_t i = 0; !typed->verb && !typed->n_words && i < typed->command->n_verbs; i++)
        if (strcmp(text, typed->command->verbs[i].name) == 0) {
            typed->verb = &typed->command->verbs[i];
            return;
        }
    typed->n_words++;
}

static bool is_option(const struct typed *typed, const char *text)
{
    return !typed->options_end && text[0] == '-' && text[1];
}

/* All words behind the command's name but the last one. */
static void read_words(struct typed *typed, struct completion *completion, char *const *words,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct slice before;
        const struct command_option *option;

        if (!is_option(typed, words[i])) {
            take_word(typed, words[i]);
            continue;
        }
        typed->options_end = strcmp(words[i], "--") == 0;
        option = find_option(typed->command, words[i], &before);
        if (!option || !option->argument)
            continue;
        if (before.len)
            take_argument(completion, option, before.ptr + before.len);
        else if (i + 1 == n)
            typed->option = option;
        else
            take_argument(completion, option, words[++i]);
    }
}

static int add_argument(struct completion *completion, const struct command_option *option)
{
    if (is_file(option->argument))
        return COMPLETION_FILES;
    if (option->choices)
        add_choices(completion, option->choices);
    completion_add_values(completion, option->values);
    return 0;
}

static int add_word(struct completion *completion, const struct typed *typed)
{
    const struct command *command = typed->command;
    const struct command_verb *verb = typed->verb;
    bool takes = verb ? verb->word && !typed->n_words : typed->n_words < command->words_most;

    for (size_t i = 0; !verb && !typed->n_words && i < command->n_verbs; i++)
        completion_add(completion, slice_str(command->verbs[i].name), command->verbs[i].help);
    if (!takes)
        return 0;
    if (!verb && is_file(command->word))
        return COMPLETION_FILES;
    if (command == &command_help)
        add_commands(completion);
    completion_add_values(completion, verb ? verb->values : command->values);
    return 0;
}

static void begin_with(struct completion *completion, struct slice before, const char *word)
{
    completion->before = before;
    completion->start = slice_from(slice_str(word), before.len);
}

int completion_offer(struct strbuf *out, char *const *words, size_t n)
{
    static const char *const general[] = {"--help", "--version"};
    struct completion completion = {.out = out};
    struct typed typed = {.command = n > 1 ? command_find(words[0]) : NULL};
    const struct command_option *option;
    const char *last = n ? words[n - 1] : "";
    struct slice before = {0};

    begin_with(&completion, before, last);
    if (n <= 1 && *last != '-')
        add_commands(&completion);
    for (size_t i = 0; n <= 1 && *last == '-' && i < sizeof(general) / sizeof(general[0]); i++)
        completion_add(&completion, slice_str(general[i]), "");
    if (!typed.command)
        return 0;
    read_words(&typed, &completion, words + 1, n - 2);
    if (typed.option)
        return add_argument(&completion, typed.option);
    if (typed.options_end || *last != '-')
        return add_word(&completion, &typed);
    option = last[1] ? find_option(typed.command, last, &before) : NULL;
    if (before.len) {
        begin_with(&completion, before, last);
        return option->argument ? add_argument(&completion, option) : 0;
    }
    add_options(&completion, &typed);
    return 0;
}
