/*
 * `pullthrough completion`: what a shell may offer, as a script of that shell. It knows the tables
 * of the commands and nothing else: neither AWS nor the configuration is asked while somebody
 * types.
 */
#include "command_line.h"

enum { BASH, ZSH, FISH };

static bool is_file(const char *argument)
{
    return argument && strcmp(argument, "FILE") == 0;
}

/* The names of all commands, with spaces between. */
static void add_commands(struct strbuf *out)
{
    for (size_t i = 0; commands[i]; i++)
        strbuf_add_format(out, "%s%s", i ? " " : "", commands[i]->name);
}

/* In single quotes of a POSIX shell, which hold everything but themselves; `escaped` are the
 * characters that the one who reads them wants a backslash before. */
static void add_quoted(struct strbuf *out, const char *text, const char *escaped)
{
    for (; *text; text++) {
        if (strchr(escaped, *text))
            strbuf_add_char(out, '\\');
        if (*text == '\'' && !strchr(escaped, '\''))
            strbuf_add_str(out, "'\\''");
        else
            strbuf_add_char(out, *text);
    }
}

/* Readline takes "--opt=value" apart at the "=". What compgen finds is read line by line, since
 * bash would take an unquoted $(...) for patterns; mapfile is not in the bash 3.2 of macOS. */
static const char bash_head[] =
    "# bash completion for pullthrough\n"
    "_pullthrough() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]} options='' words='' files='' IFS=$' \\t\\n'\n"
    "    COMPREPLY=()\n"
    "    if [ \"$cur\" = = ]; then\n"
    "        cur=''\n"
    "    elif [ \"$prev\" = = ]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    [ \"$COMP_CWORD\" -gt 1 ] || command='' prev=''\n"
    "    case $command:$prev in\n";
static const char bash_tail[] = "        esac\n"
                                "        ;;\n"
                                "    esac\n"
                                "    case $cur in -*) words=$options files='' ;; esac\n"
                                "    local found='' what=(-W \"$words\")\n"
                                "    if [ -n \"$files\" ]; then\n"
                                "        compopt -o filenames 2>/dev/null\n"
                                "        what=(-f)\n"
                                "    fi\n"
                                "    while IFS= read -r found; do\n"
                                "        COMPREPLY+=(\"$found\")\n"
                                "    done < <(compgen \"${what[@]}\" -- \"$cur\")\n"
                                "}\n"
                                "complete -F _pullthrough pullthrough\n";

static void add_bash_argument(struct strbuf *out, const struct command *command,
                              const struct command_option *option)
{
    strbuf_add_format(out, "    %s:--%s", command->name, option->name);
    if (option->letter)
        strbuf_add_format(out, " | %s:-%c", command->name, option->letter);
    if (is_file(option->argument))
        strbuf_add_str(out, ") files=yes ;;\n");
    else
        strbuf_add_format(out, ") words='%s' ;;\n", option->choices ? option->choices : "");
}

static void add_bash_command(struct strbuf *out, const struct command *command)
{
    const struct command_option *option;

    strbuf_add_format(out, "        %s)\n            options='", command->name);
    for (size_t i = 0; (option = command_option_at(command, i)); i++)
        strbuf_add_format(out, "%s--%s", i ? " " : "", option->name);
    strbuf_add_str(out, "'\n");
    if (is_file(command->word))
        strbuf_add_str(out, "            files=yes\n");
    else if (command->n_verbs || command->words_most == 1) {
        strbuf_add_str(out, "            [ \"$COMP_CWORD\" -gt 2 ] || words='");
        command_add_verbs(out, command);
        if (command == &command_help)
            add_commands(out);
        strbuf_add_str(out, "'\n");
    }
    strbuf_add_str(out, "            ;;\n");
}

static void add_bash(struct strbuf *out)
{
    const struct command_option *option;

    strbuf_add_str(out, bash_head);
    for (size_t i = 0; commands[i]; i++)
        for (size_t k = 0; (option = command_option_at(commands[i], k)); k++)
            if (option->argument)
                add_bash_argument(out, commands[i], option);
    strbuf_add_str(out, "    *)\n        case $command in\n        '') words='");
    add_commands(out);
    strbuf_add_str(out, "' options='--help --version' ;;\n");
    for (size_t i = 0; commands[i]; i++)
        add_bash_command(out, commands[i]);
    strbuf_add_str(out, bash_tail);
}

static const char zsh_head[] = "#compdef pullthrough\n"
                               "_pullthrough() {\n"
                               "    local -a names\n"
                               "    names=(\n";
static const char zsh_middle[] = "    )\n"
                                 "    if (( CURRENT == 2 )); then\n"
                                 "        _describe command names\n"
                                 "        return\n"
                                 "    fi\n"
                                 "    shift words\n"
                                 "    (( CURRENT-- ))\n"
                                 "    case $words[1] in\n";
/* Both ways: as a file of $fpath, and read by `source`. */
static const char zsh_tail[] = "    esac\n"
                               "}\n"
                               "if [ \"$funcstack[1]\" = _pullthrough ]; then\n"
                               "    _pullthrough \"$@\"\n"
                               "else\n"
                               "    compdef _pullthrough pullthrough\n"
                               "fi\n";

static void add_zsh_option(struct strbuf *out, const struct command_option *option)
{
    const char *argument = option->argument;

    strbuf_add_str(out, " \\\n            '*'");
    if (option->letter)
        strbuf_add_format(out, "{-%c%s,--%s%s}", option->letter, argument ? "+" : "", option->name,
                          argument ? "=" : "");
    else
        strbuf_add_format(out, "--%s%s", option->name, argument ? "=" : "");
    strbuf_add_str(out, "'[");
    add_quoted(out, option->help, "\\[]:");
    strbuf_add_char(out, ']');
    if (argument)
        strbuf_add_format(out, ":%s:", argument);
    if (is_file(argument))
        strbuf_add_str(out, "_files");
    else if (option->choices)
        strbuf_add_format(out, "(%s)", option->choices);
    strbuf_add_char(out, '\'');
}

static void add_zsh_words(struct strbuf *out, const struct command *command)
{
    if (!command->n_verbs && !command->word)
        return;
    strbuf_add_format(out, " \\\n            '%s:%s:", command->words_most > 1 ? "*" : "1",
                      command->n_verbs ? "what" : command->word);
    if (is_file(command->word))
        strbuf_add_str(out, "_files");
    else if (command->n_verbs || command == &command_help) {
        strbuf_add_char(out, '(');
        command_add_verbs(out, command);
        if (command == &command_help)
            add_commands(out);
        strbuf_add_char(out, ')');
    }
    strbuf_add_char(out, '\'');
}

static void add_zsh(struct strbuf *out)
{
    const struct command_option *option;

    strbuf_add_str(out, zsh_head);
    for (size_t i = 0; commands[i]; i++) {
        strbuf_add_format(out, "        '%s:", commands[i]->name);
        add_quoted(out, commands[i]->summary, "");
        strbuf_add_str(out, "'\n");
    }
    strbuf_add_str(out, zsh_middle);
    for (size_t i = 0; commands[i]; i++) {
        strbuf_add_format(out, "    %s)\n        _arguments :", commands[i]->name);
        for (size_t k = 0; (option = command_option_at(commands[i], k)); k++)
            add_zsh_option(out, option);
        add_zsh_words(out, commands[i]);
        strbuf_add_str(out, "\n        ;;\n");
    }
    strbuf_add_str(out, zsh_tail);
}

/* fish's own __fish_seen_subcommand_from would take `iam verify` for `verify`. */
static const char fish_head[] = "# fish completion for pullthrough\n"
                                "function __pullthrough_is\n"
                                "    set -l words (commandline -opc)\n"
                                "    test \"$words[2]\" = \"$argv[1]\"; or return\n"
                                "    not set -q argv[2]; or test (count $words) -eq $argv[2]\n"
                                "end\n"
                                "complete -c pullthrough -f\n";

static void add_fish_option(struct strbuf *out, const struct command *command,
                            const struct command_option *option)
{
    strbuf_add_format(out, "complete -c pullthrough -n '__pullthrough_is %s' -l %s", command->name,
                      option->name);
    if (option->letter)
        strbuf_add_format(out, " -s %c", option->letter);
    if (is_file(option->argument))
        strbuf_add_str(out, " -r -F");
    else if (option->argument)
        strbuf_add_format(out, " -x -a '%s'", option->choices ? option->choices : "");
    strbuf_add_str(out, " -d '");
    add_quoted(out, option->help, "\\'");
    strbuf_add_str(out, "'\n");
}

/* A word that may stand behind `command`, or behind the program's name where that is "". */
static void add_fish_word(struct strbuf *out, const char *command, const char *word,
                          const char *help)
{
    strbuf_add_format(out, "complete -c pullthrough -n '__pullthrough_is \"%s\" %d' -a %s -d '",
                      command, *command ? 2 : 1, word);
    add_quoted(out, help, "\\'");
    strbuf_add_str(out, "'\n");
}

static void add_fish(struct strbuf *out)
{
    const struct command_option *option;

    strbuf_add_str(out, fish_head);
    for (size_t i = 0; commands[i]; i++) {
        const struct command *command = commands[i];

        add_fish_word(out, "", command->name, command->summary);
        add_fish_word(out, "help", command->name, command->summary);
        for (size_t k = 0; k < command->n_verbs; k++)
            add_fish_word(out, command->name, command->verbs[k].name, command->verbs[k].help);
        for (size_t k = 0; (option = command_option_at(command, k)); k++)
            add_fish_option(out, command, option);
        if (is_file(command->word))
            strbuf_add_format(out, "complete -c pullthrough -n '__pullthrough_is %s' -F\n",
                              command->name);
    }
}

static const struct command_verb verbs[] = {
    [BASH] = {"bash", NULL, "for bash: source <(pullthrough completion bash)"},
    [ZSH] = {"zsh", NULL, "for zsh, after compinit: source <(pullthrough completion zsh)"},
    [FISH] = {"fish", NULL, "for fish: pullthrough completion fish | source"},
};

static int run(const struct command_line *line)
{
    static void (*const add[])(struct strbuf *) = {
        [BASH] = add_bash, [ZSH] = add_zsh, [FISH] = add_fish};
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);

    add[line->verb](&text);
    return command_print(line->command, &text);
}

const struct command command_completion = {
    .name = "completion",
    .summary = "print a script that completes commands in a shell",
    .usage = "bash | zsh | fish",
    .about = "Print a script for a shell, by which it completes the commands of this program, "
             "their options and the arguments of these.",
    .exits = {[EXIT_FINE] = "printed", [EXIT_FAILED] = "could not write it"},
    COMMAND_VERBS(verbs),
    .run = run,
};
