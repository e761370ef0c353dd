/*
 * `pullthrough completion`: scripts by which a shell asks this program what it may offer, and the
 * answer. The scripts hold no word of any command, so that they fit whatever program is installed.
 */
#include "command_line.h"
#include "completion_offer.h"

enum { BASH, ZSH, FISH, OFFER };

/* Readline takes words apart at "=" and ":", so they are joined again, and what stood before the
 * last part is left out of the answer. Names go through %q: bash would take an unquoted $(...) for
 * a command. mapfile and declare -n are not in the bash 3.2 of macOS. */
static const char bash_script[] =
    "# bash completion for pullthrough\n"
    "_pullthrough() {\n"
    "    local IFS=$' \\t\\n' i n=0 word='' last='' typed='' found='' words=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        last=${COMP_WORDS[i]}\n"
    "        if [ \"$n\" -gt 0 ] && { [[ $last == [=:]* ]] || [[ $word == *[=:] ]]; }; then\n"
    "            words[n - 1]=$word$last\n"
    "        else\n"
    "            words[n]=$last\n"
    "            n=$((n + 1))\n"
    "        fi\n"
    "        word=${words[n - 1]}\n"
    "    done\n"
    "    case $last in [=:] | ::) last='' ;; esac\n"
    "    COMPREPLY=() typed=$word\n"
    "    found=$(\"${COMP_WORDS[0]/#\\~/$HOME}\" completion offer -- \"${words[@]}\" 2>/dev/null)\n"
    "    case $? in\n"
    "    0)\n"
    "        while IFS=$'\\t' read -r word i; do\n"
    "            [ -n \"$word\" ] || continue\n"
    "            word=${word#\"${typed%\"$last\"}\"}\n"
    "            COMPREPLY+=(\"$(printf %q \"$word\")\")\n"
    "            case $word in */) compopt -o nospace 2>/dev/null ;; esac\n"
    "        done <<<\"$found\"\n"
    "        ;;\n"
    "    1)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        while IFS= read -r word; do\n"
    "            COMPREPLY+=(\"$word\")\n"
    "        done < <(compgen -f -- \"$last\")\n"
    "        ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _pullthrough pullthrough\n";

/* Both ways: as a file of $fpath, and read by `source`. */
static const char zsh_script[] =
    "#compdef pullthrough\n"
    "_pullthrough() {\n"
    "    local found line tab=$'\\t' none=1\n"
    "    local -a names open\n"
    "    found=$(\"${words[1]/#\\~/$HOME}\" completion offer -- \"${(@Q)words[2,CURRENT-1]}\" \\\n"
    "        \"${(Q)PREFIX}\" 2>/dev/null)\n"
    "    case $? in\n"
    "    0)\n"
    "        for line in ${(f)found}; do\n"
    "            case ${line%%$tab*} in\n"
    "            */) open+=(\"$line\") ;;\n"
    "            *) names+=(\"${${line%%$tab*}//:/\\\\:}:${${line#${line%%$tab*}}#$tab}\") ;;\n"
    "            esac\n"
    "        done\n"
    "        _describe pullthrough names && none=0\n"
    "        compadd -S '' -a open && none=0\n"
    "        ;;\n"
    "    1)\n"
    "        [[ $PREFIX != -* ]] || compset -P '*='\n"
    "        _files && none=0\n"
    "        ;;\n"
    "    esac\n"
    "    return none\n"
    "}\n"
    "if [ \"$funcstack[1]\" = _pullthrough ]; then\n"
    "    _pullthrough \"$@\"\n"
    "else\n"
    "    compdef _pullthrough pullthrough\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion for pullthrough\n"
    "function __pullthrough\n"
    "    set -l words (commandline -opc)\n"
    "    set -l last (commandline -ct)\n"
    "    set -l found ($words[1] completion offer -- $words[2..-1] \"$last\" 2>/dev/null)\n"
    "    switch $status\n"
    "        case 0\n"
    "            printf '%s\\n' $found\n"
    "        case 1\n"
    "            set -l before (string match -r -- '^-.*=' \"$last\")\n"
    "            for path in (__fish_complete_path (string replace -- \"$before\" '' \"$last\"))\n"
    "                printf '%s\\n' \"$before$path\"\n"
    "            end\n"
    "    end\n"
    "end\n"
    "complete -c pullthrough -f -a '(__pullthrough)'\n";

static const char *const scripts[] = {
    [BASH] = bash_script, [ZSH] = zsh_script, [FISH] = fish_script};

static const struct command_verb verbs[] = {
    [BASH] = {.name = "bash", .help = "for bash: source <(pullthrough completion bash)"},
    [ZSH] = {.name = "zsh",
             .help = "for zsh, after compinit: source <(pullthrough completion zsh)"},
    [FISH] = {.name = "fish", .help = "for fish: pullthrough completion fish | source"},
    [OFFER] = {.name = "offer",
               .word = "[WORD...]",
               .many = true,
               .help = "what these scripts ask for: the last WORD's completions, one a line"},
};

static int run(const struct command_line *line)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);
    int offered = 0, printed;

    if (line->verb == OFFER)
        offered = completion_offer(&text, line->words, line->n_words);
    else
        strbuf_add_str(&text, scripts[line->verb]);
    printed = command_print(line->command, &text);
    return printed == EXIT_FINE && offered == COMPLETION_FILES ? EXIT_NEGATIVE : printed;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "print a script that completes commands in a shell",
    .usage = "bash | zsh | fish\noffer [WORD...]",
    .about = "Print a script for a shell, by which it completes the commands of this program, "
             "their options, and the values of these: the configuration's prefixes and registries, "
             "the profiles and regions of AWS's shared files, the contexts of kubectl. Nothing is "
             "asked over the network.",
    .exits = {[EXIT_FINE] = "printed",
              [EXIT_NEGATIVE] = "offer: the name of a file goes here",
              [EXIT_FAILED] = "could not write it"},
    COMMAND_VERBS(verbs),
    .run = run,
};
