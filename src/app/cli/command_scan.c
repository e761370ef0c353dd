/*
 * `pullthrough scan`: what would become of the images of a cluster's pods, before anything is
 * installed.
 */
#include "pods_input.h"
#include "scan_report.h"
#include "scan_rules.h"

#include <unistd.h>

enum { OUTPUT_MAX = 512 * 1024 * 1024 };

enum {
    FILES,
    CONTEXT,
    KUBECONFIG,
    NAMESPACE,
    ALL_NAMESPACES,
    BY,
    VERBOSE,
    CHECK,
    OUTPUT,
    OFFLINE,
    CONFIG,
    PROFILE,
    ACCOUNT,
    REGION
};

static const struct command_option option_table[] = {
    [FILES] = PODS_INPUT_FILES,
    [CONTEXT] = PODS_INPUT_CONTEXT,
    [KUBECONFIG] = PODS_INPUT_KUBECONFIG,
    [NAMESPACE] = PODS_INPUT_NAMESPACE,
    [ALL_NAMESPACES] = PODS_INPUT_ALL_NAMESPACES,
    [BY] = {.name = "by",
            .argument = "WHAT",
            .choices = "registry namespace",
            .help = "what the rows of the table are; registry unless you say otherwise"},
    [VERBOSE] = {.name = "verbose",
                 .letter = 'v',
                 .help = "also each image that stays or is worth a word, and where it is"},
    [CHECK] = {.name = "check",
               .help = "the exit status says whether images stay for a reason that can be mended"},
    [OUTPUT] = COMMAND_OUTPUT,
    [OFFLINE] = {.name = "offline", .help = "don't ask AWS: every rule is taken for ready"},
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
};

static int tell(const struct command_line *line, const struct scan_rules *rules,
                const struct scan *scan)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_MAX);
    const char *by = command_line_option(line, BY);
    const struct scan_report report = {
        .scan = scan,
        .rules = rules->rules,
        .config = &rules->config,
        .by_namespace = by && strcmp(by, "namespace") == 0,
        .verbose = command_line_option(line, VERBOSE) != NULL,
        .host_known = rules->host_known,
        .live = rules->is_live ? &rules->live : NULL,
        .assumed = rules->assumed.text,
    };
    bool negative = command_line_option(line, CHECK) && scan_report_is_mendable(&report);
    enum command_output output = command_output_of(line, OUTPUT);
    int printed;

    if (output != OUTPUT_TEXT)
        scan_report_json(&report, &out);
    else
        scan_report_text(&report, text_look_of(STDOUT_FILENO), &out);
    printed = command_print_document(line->command, &out, output);
    return printed == EXIT_FINE && negative ? EXIT_NEGATIVE : printed;
}

/* Whoever names a profile wants the rules of that account, and no others. */
static int find_rules(struct scan_rules *rules, const struct config *config,
                      const struct scan_rules_asker *asker, struct error *error)
{
    if (scan_rules_find(rules, config, asker, error) != 0)
        return -1;
    if (asker->profile && !asker->offline && !rules->is_live)
        return error_set(error, "%s (--offline takes every rule for ready)", rules->assumed.text);
    return 0;
}

static int scan_with(const struct command_line *line, const struct config *config,
                     const struct pods_input *input)
{
    struct progress progress;
    struct timing timing;
    struct scan_rules rules = {0};
    struct error error = {""};
    struct scan *scan = NULL;
    int status;

    progress_init(&progress, "scan");
    timing = progress_timing(&progress);
    if (find_rules(&rules, config,
                   &(struct scan_rules_asker){
                       .profile = command_line_option(line, PROFILE),
                       .offline = command_line_option(line, OFFLINE) != NULL,
                       .progress = &progress,
                       .timing = &timing,
                   },
                   &error) != 0) {
        status = command_fail(line->command, EXIT_FAILED, error.text);
    } else {
        scan = scan_new(rules.rules);
        status = pods_input_scan(input, rules.rules, scan);
        if (status == EXIT_FINE)
            status = tell(line, &rules, scan);
    }
    scan_free(scan);
    scan_rules_fini(&rules);
    return status;
}

static int run(const struct command_line *line)
{
    return pods_input_run(line, scan_with);
}

const struct command command_scan = {
    .name = "scan",
    .summary = "tell what would become of a cluster's images, before anything is installed",
    .usage = "[OPTION...]\n[OPTION...] -f FILE\n[OPTION...] -",
    .about = "Read pods, as `kubectl get pods -A -o json` prints them, from standard input; on a "
             "terminal, or where one of kubectl's options is given, run kubectl for them. Tell for "
             "each registry or namespace how many images would be pulled through the cache, how "
             "many stay as they are and why, and what is to know before the switch. With AWS "
             "credentials the rules count as ECR has them.",
    .notes = "Nothing is changed, neither in the cluster nor in AWS. An image is counted once, "
             "however it is written; one that changes in some pods and stays in others counts as "
             "both. Every namespace is judged as if it were switched on.\n\n"
             "Standard input and files may be of any length where they are JSON; YAML, as charts "
             "give it, may have 64 MiB. Of custom objects those kinds are judged that `pullthrough "
             "rewrite` knows; the others are named.\n\n"
             "Linked as kubectl-pullthrough somewhere in PATH the program is a plugin: `kubectl "
             "pullthrough scan`.",
    .examples = "pullthrough scan\n"
                "kubectl get pods -A -o json | pullthrough scan --by namespace\n"
                "helm template CHART | pullthrough scan -f - --offline --check",
    .exits = {"told",
              "--check, and images stay for a reason that can be mended: rule-not-ready, "
              "too-long or invalid",
              [EXIT_FAILED] = "could not read the pods"},
    .word = "-",
    .words_most = 1,
    COMMAND_OPTIONS(option_table),
    .run = run,
};
