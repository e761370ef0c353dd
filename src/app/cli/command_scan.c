/*
 * `pullthrough scan`: what would become of the images of a cluster's pods, before anything is
 * installed. It reads what kubectl prints, and runs kubectl where there is nothing to read: every
 * way to log in works then, and no kubeconfig is parsed here.
 */
#include "command_line.h"
#include "manifest_input.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/piped.h"
#include "scan_report.h"
#include "scan_rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 512 * 1024 * 1024, KUBECTL_WORDS = 16 };

enum {
    FILES,
    CONTEXT,
    KUBECONFIG,
    NAMESPACE,
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
    [FILES] = {.name = "file",
               .letter = 'f',
               .argument = "FILE",
               .help = "pods or manifests instead of kubectl, \"-\" for standard input; may be "
                       "given several times"},
    [CONTEXT] = {.name = "context", .argument = "NAME", .help = "kubectl's: of which cluster"},
    [KUBECONFIG] = {.name = "kubeconfig", .argument = "FILE", .help = "kubectl's: by which file"},
    [NAMESPACE] = {.name = "namespace",
                   .letter = 'n',
                   .argument = "NAME",
                   .help = "kubectl's: of this namespace alone"},
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

static bool asks_kubectl(const struct command_line *line)
{
    return command_line_option(line, CONTEXT) || command_line_option(line, KUBECONFIG) ||
           command_line_option(line, NAMESPACE);
}

/* NULL, or what is wrong with the options together. */
static const char *judge_options(const struct command_line *line, const char *const *files,
                                 size_t n)
{
    const char *config = command_line_option(line, CONFIG);
    size_t standard_input = config && strcmp(config, "-") == 0;

    if (n > 0 && asks_kubectl(line))
        return "--context, --kubeconfig and --namespace are kubectl's, which isn't run with -f";
    for (size_t i = 0; i < n; i++)
        standard_input += strcmp(files[i], "-") == 0;
    return standard_input > 1 ? "standard input can be read once only" : NULL;
}

static int fail(const struct error *error)
{
    return command_fail(&command_scan, EXIT_FAILED, error->text);
}

static int scan_kubectl(const struct command_line *line, const struct manifest_input *input)
{
    static const int passed[] = {CONTEXT, KUBECONFIG};
    const char *namespace = command_line_option(line, NAMESPACE);
    const char *words[KUBECTL_WORDS] = {"kubectl", "get", "pods", "-o", "json"};
    struct piped kubectl;
    struct error error = {""}, ended = {""};
    size_t n = 5;
    int r;

    words[n++] = namespace ? "--namespace" : "--all-namespaces";
    if (namespace)
        words[n++] = namespace;
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        if (command_line_option(line, (size_t)passed[i])) {
            words[n++] = passed[i] == CONTEXT ? "--context" : "--kubeconfig";
            words[n++] = command_line_option(line, (size_t)passed[i]);
        }
    r = piped_start(&kubectl, (char *const *)words, &error);
    if (r == PIPED_ABSENT)
        return command_fail(&command_scan, EXIT_FAILED,
                            "kubectl isn't in PATH; where it is, type: kubectl get pods -A -o "
                            "json | pullthrough scan");
    if (r != 0)
        return fail(&error);
    r = manifest_input_fd(input, kubectl.fd, "kubectl", &error);
    if (piped_end(&kubectl, &ended) != 0 && r == 0) {
        (void)error_set(&error, "kubectl %s", ended.text);
        r = -1;
    }
    return r == 0 ? EXIT_FINE : fail(&error);
}

static int scan_files(const char *const *files, size_t n, const struct manifest_input *input,
                      struct scan *scan)
{
    struct error error = {""};

    for (size_t i = 0; i < n; i++) {
        scan_begin_input(scan);
        if (manifest_input_file(input, files[i], &error) != 0)
            return fail(&error);
    }
    return EXIT_FINE;
}

static int scan_input(const struct command_line *line, const char *const *files, size_t n,
                      const struct scan_rules *rules, struct scan *scan)
{
    static const char *const standard_input[] = {"-"};
    const struct manifest_input input = {
        .rules = rules->rules, .kinds = CONFIG_KINDS_KNOWN, .report = scan_counter(scan)};

    if (n > 0)
        return scan_files(files, n, &input, scan);
    if (asks_kubectl(line) || isatty(STDIN_FILENO) == 1)
        return scan_kubectl(line, &input);
    return scan_files(standard_input, 1, &input, scan);
}

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
    int printed;

    if (command_line_option(line, OUTPUT))
        scan_report_json(&report, &out);
    else
        scan_report_text(&report, text_look_of(STDOUT_FILENO), &out);
    printed = command_print(line->command, &out);
    return printed == EXIT_FINE && negative ? EXIT_NEGATIVE : printed;
}

static int scan_with(const struct command_line *line, const struct config *config,
                     const char *const *files, size_t n)
{
    struct progress progress;
    struct scan_rules rules = {0};
    struct error error = {""};
    struct scan *scan = NULL;
    int status;

    progress_init(&progress, "scan");
    if (scan_rules_find(&rules, config, command_line_option(line, PROFILE),
                        command_line_option(line, OFFLINE) != NULL, &progress, &error) != 0) {
        status = fail(&error);
    } else {
        scan = scan_new(rules.rules);
        status = scan_input(line, files, n, &rules, scan);
        if (status == EXIT_FINE && scan_all(scan).containers == 0)
            (void)command_fail(line->command, EXIT_FINE, "there is not one image in the input");
        if (status == EXIT_FINE)
            status = tell(line, &rules, scan);
    }
    scan_free(scan);
    scan_rules_fini(&rules);
    return status;
}

static int run(const struct command_line *line)
{
    CONFIG_CLEANUP const struct config *loaded = NULL;
    const char **files = alloc_zeroed(line->n_given + 1, sizeof(*files));
    size_t n = command_line_options(line, FILES, files);
    const char *wrong = judge_options(line, files, n);
    struct error error = {""};
    struct config config;
    int status;

    if (wrong) {
        status = command_misused(line->command, wrong);
    } else if (config_source_load(command_line_option(line, CONFIG), &loaded, &error) < 0) {
        status = fail(&error);
    } else {
        config = command_with_place(loaded, command_line_option(line, ACCOUNT),
                                    command_line_option(line, REGION));
        status = scan_with(line, &config, files, n);
    }
    free(files);
    return status;
}

const struct command command_scan = {
    .name = "scan",
    .summary = "tell what would become of a cluster's images, before anything is installed",
    .usage = "[OPTION...]\n[OPTION...] -f FILE",
    .about = "Read pods, as `kubectl get pods -A -o json` prints them, from standard input; on a "
             "terminal run kubectl for them. Tell for each registry or namespace how many images "
             "would be pulled through the cache, how many stay as they are and why, and what is "
             "to know before the switch. With AWS credentials the rules count as ECR has them.",
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
    COMMAND_OPTIONS(option_table),
    .run = run,
};
