/*
 * `pullthrough rewrite`: what the webhook would do to references and manifests, without a
 * cluster and without AWS. Every rule is taken to be ready.
 *
 * It never writes a file, and it refuses to join several manifests on standard output: that
 * would add bytes (separators, newlines, a byte order mark less) to texts of which nothing but
 * images may change.
 */
#include "pullthrough/app/cli/command_rewrite.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/edge/sys/file.h"
#include "rewrite_report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HOST_MAX = 512,
    OUTPUT_BYTES_MAX = 1024 * 1024 * 1024,
};

static const char usage[] = "usage: pullthrough rewrite [OPTION...] REFERENCE...\n"
                            "       pullthrough rewrite [OPTION...] -f FILE\n";

static const char help[] =
    "\n"
    "Write references, or a manifest (YAML or JSON), as the webhook would let them be pulled.\n"
    "In a manifest nothing changes but the images of its pods. Every pull-through-cache rule is\n"
    "taken to be ready; AWS isn't asked.\n"
    "\n"
    "  -f, --file FILE   a manifest, \"-\" for standard input; several with --explain, --check\n"
    "                    or -o json, which write no manifest\n"
    "      --explain     instead, what becomes of each image and why\n"
    "      --check       instead, what would change; the exit status says whether anything would\n"
    "  -o, --output json instead, all of that as one JSON document\n"
    "      --kinds WHICH known: the kinds below; any-pod-spec: in custom objects also each "
    "mapping\n"
    "                    with a list of containers; over the configuration's rewrite.kinds\n"
    "      --config FILE the configuration; without it the defaults hold\n"
    "      --account ID  the registry's AWS account, over the configuration's\n"
    "      --region R    the registry's AWS region, over the configuration's\n"
    "      --help        this text\n"
    "\n"
    "Kinds that are known:\n"
    "  Pod, PodTemplate, ReplicationController; Deployment, StatefulSet, DaemonSet, ReplicaSet\n"
    "  (apps); Job, CronJob (batch)\n"
    "  Rollout, Workflow, WorkflowTemplate, ClusterWorkflowTemplate, CronWorkflow (argoproj.io)\n"
    "  CloneSet, StatefulSet, DaemonSet, BroadcastJob, AdvancedCronJob, UnitedDeployment,\n"
    "  SidecarSet (apps.kruise.io); Service, Configuration, Revision (serving.knative.dev)\n"
    "  List, typed lists such as PodList, and ResourceList (config.kubernetes.io), which makes "
    "this\n"
    "  a KRM function for kustomize\n"
    "\n"
    "Images that can't be edited (aliases, block scalars, template expressions) are left alone "
    "and\n"
    "named on standard error; so are objects of other kinds in which something looks like an "
    "image.\n"
    "--explain judges custom objects' lists of containers, too, whatever --kinds says.\n"
    "\n"
    "As a Helm post-renderer: with Helm 3 a script that runs `pullthrough rewrite -f -`, with Helm "
    "4\n"
    "the plugin in deploy/helm-plugin.\n"
    "\n"
    "exit status: 0 done, 1 --check and something would change, 2 wrong usage, 3 could not do it\n";

static const char any_pod_spec[] = "any-pod-spec";

struct options {
    const char **files; /* as many as there are arguments */
    size_t n_files;
    char *const *references;
    size_t n_references;
    const char *config, *account, *region, *kinds;
    bool explain, check, json, help;
};

static void options_fini(struct options *options)
{
    free(options->files);
}

static void complain(const char *reason)
{
    (void)fprintf(stderr, "pullthrough rewrite: %s\n", reason);
}

static int wrong_usage(const char *reason)
{
    complain(reason);
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

static int wrong_option(char *const *argv, bool no_argument_there)
{
    (void)fprintf(stderr, "pullthrough rewrite: %s: %s\n%s", argv[optind - 1],
                  no_argument_there ? "an argument is missing" : "unknown option", usage);
    return EXIT_USAGE;
}

static int take_option(struct options *options, int option, char *const *argv)
{
    switch (option) {
    case 'f': options->files[options->n_files++] = optarg; return 0;
    case 'o':
        if (strcmp(optarg, "json") != 0)
            return wrong_usage("-o knows \"json\" only");
        options->json = true;
        return 0;
    case 'e': options->explain = true; return 0;
    case 'k': options->check = true; return 0;
    case 'c': options->config = optarg; return 0;
    case 'a': options->account = optarg; return 0;
    case 'r': options->region = optarg; return 0;
    case 'n': options->kinds = optarg; return 0;
    case 'h': options->help = true; return 0;
    default: return wrong_option(argv, option == ':');
    }
}

static int check_options(const struct options *options)
{
    size_t standard_input = options->config && strcmp(options->config, "-") == 0;

    if (options->help)
        return 0;
    if (!options->n_files && !options->n_references)
        return wrong_usage("nothing to rewrite: name references, or manifests with -f");
    if (options->n_files && options->n_references)
        return wrong_usage("references and -f don't go together");
    if (options->n_files > 1 && !options->explain && !options->check && !options->json)
        return wrong_usage("only one manifest fits on standard output; several files need "
                           "--explain, --check or -o json");
    for (size_t i = 0; i < options->n_files; i++)
        standard_input += strcmp(options->files[i], "-") == 0;
    if (standard_input > 1)
        return wrong_usage("standard input can be read once only");
    if (options->account && !ecr_host_is_account(slice_str(options->account)))
        return wrong_usage("--account wants the 12 digits of an AWS account");
    if (options->region && !ecr_host_is_region(slice_str(options->region)))
        return wrong_usage("--region wants an AWS region, such as eu-central-1");
    if (options->kinds && strcmp(options->kinds, "known") != 0 &&
        strcmp(options->kinds, any_pod_spec) != 0)
        return wrong_usage("--kinds wants known or any-pod-spec");
    return 0;
}

static int read_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"file", required_argument, NULL, 'f'},   {"output", required_argument, NULL, 'o'},
        {"explain", no_argument, NULL, 'e'},      {"check", no_argument, NULL, 'k'},
        {"config", required_argument, NULL, 'c'}, {"account", required_argument, NULL, 'a'},
        {"region", required_argument, NULL, 'r'}, {"kinds", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option, r = 0;

    options->files = calloc((size_t)argc, sizeof(*options->files));
    if (!options->files)
        abort();
    opterr = 0;
    optind = 1;
    while (r == 0 && (option = getopt_long(argc, argv, ":f:o:", known, NULL)) != -1)
        r = take_option(options, option, argv);
    options->references = argv + optind;
    options->n_references = (size_t)(argc - optind);
    return r ? r : check_options(options);
}

/* Adds the options that would help to what the configuration and the environment lack. */
static int unknown_host(const struct config *config, struct error *error)
{
    struct config_environment environment = config_source_environment();
    bool account = *config->registry.account || environment.account.len;
    bool region = *config->registry.region || environment.region.len;
    struct error reason = *error;

    return error_set(error, "%s, or use %s", reason.text,
                     account  ? "--region"
                     : region ? "--account"
                              : "--account and --region");
}

/* The rules and the kinds as the options, the configuration and the environment have them. */
static int load_rules(const struct options *options, struct rule_set **rules,
                      enum config_kinds *kinds, struct error *error)
{
    CONFIG_CLEANUP const struct config *loaded = NULL;
    struct config config; /* the same with the options; borrows the texts */
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    struct rule_set_facts facts = {0};
    int r = config_source_load(options->config, &loaded, error);

    if (r != 0)
        return r;
    config = *loaded;
    if (options->account)
        config.registry.account = options->account;
    if (options->region)
        config.registry.region = options->region;
    if (options->account || options->region)
        config.registry.host = "";
    r = config_source_host(&config, &host, error);
    if (r > 0)
        return unknown_host(&config, error);
    if (r < 0)
        return r;
    facts.host = strbuf_slice(&host);
    *kinds = config.rewrite.kinds;
    if (options->kinds)
        *kinds = strcmp(options->kinds, any_pod_spec) == 0 ? CONFIG_KINDS_ANY_POD_SPEC
                                                           : CONFIG_KINDS_KNOWN;
    *rules = rule_set_new(&config, &facts);
    return 0;
}

static int print(const struct strbuf *text, FILE *to)
{
    if (fwrite(strbuf_str(text), 1, text->len, to) == text->len && fflush(to) == 0 &&
        !strbuf_overflowed(text))
        return 0;
    complain(strbuf_overflowed(text) ? "the report is too long" : "can't write all of the output");
    return -1;
}

static const char *name_of(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

/* Chart sources are no YAML until Helm has rendered them. */
static const char *advice(struct slice text)
{
    return text.len > 1 && memmem(text.ptr, text.len, "{{", 2)
               ? " (a Helm template? `helm template` renders it)"
               : "";
}

static int rewrite_file(const char *file, enum config_kinds kinds, struct rewrite_report *report,
                        struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
    const struct manifest_report callbacks = rewrite_report_callbacks(report);
    struct error error = {""};

    if (file_read_argument(file, &text, &error) != 0) {
        complain(error.text);
        return -1;
    }
    rewrite_report_file(report, name_of(file));
    strbuf_init(out, OUTPUT_BYTES_MAX);
    if (manifest_rewrite(report->rules, kinds, strbuf_slice(&text), out, &callbacks, &error) == 0)
        return 0;
    rewrite_report_drop_file(report);
    (void)fprintf(stderr, "%s:%s%s\n", name_of(file), error.text, advice(strbuf_slice(&text)));
    return -1;
}

/* What goes to standard output instead of texts, and what else is worth a word. */
static int tell(const struct options *options, const struct rewrite_report *report)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_BYTES_MAX);
    STRBUF_CLEANUP struct strbuf remarks = STRBUF_INIT(OUTPUT_BYTES_MAX);

    if (options->json)
        rewrite_report_json(report, &out);
    else if (options->explain)
        rewrite_report_table(report, text_look_of(STDOUT_FILENO), &out);
    else if (options->check)
        rewrite_report_changes(report, &out);
    if (!options->json)
        rewrite_report_remarks(report, !options->explain, &remarks);
    if (print(&out, stdout) != 0 || print(&remarks, stderr) != 0)
        return EXIT_FAILED;
    return options->check && report->n_rewritten > 0 ? EXIT_NEGATIVE : EXIT_FINE;
}

static bool writes_texts(const struct options *options)
{
    return !options->explain && !options->check && !options->json;
}

static int rewrite_files(const struct options *options, enum config_kinds kinds,
                         struct rewrite_report *report)
{
    int status = EXIT_FINE, told;

    for (size_t i = 0; i < options->n_files; i++) {
        STRBUF_CLEANUP struct strbuf out = {0};

        if (rewrite_file(options->files[i], kinds, report, &out) != 0 ||
            (writes_texts(options) && print(&out, stdout) != 0))
            status = EXIT_FAILED;
    }
    told = tell(options, report);
    return status == EXIT_FINE ? told : status;
}

/* Who forgot -f. */
static void hint_at_file(const char *reference)
{
    STRBUF_CLEANUP struct strbuf hint = STRBUF_INIT(OUTPUT_BYTES_MAX);
    const struct slice text = slice_str(reference);

    if (!slice_ends_with(text, slice_str(".yaml")) && !slice_ends_with(text, slice_str(".yml")) &&
        !slice_ends_with(text, slice_str(".json")) && !file_stamp_of(reference).exists)
        return;
    strbuf_add_char(&hint, '"');
    text_add_printable(&hint, text);
    strbuf_add_str(&hint, "\" is taken for an image; a manifest comes after -f");
    complain(strbuf_str(&hint));
}

static int rewrite_references(const struct options *options, struct rewrite_report *report)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_BYTES_MAX);

    for (size_t i = 0; i < options->n_references; i++) {
        STRBUF_CLEANUP struct strbuf rewritten = STRBUF_INIT(REWRITE_TEXT_MAX);
        struct slice text = slice_str(options->references[i]);
        struct rewrite_verdict verdict = rewrite_image(report->rules, text, &rewritten);

        hint_at_file(options->references[i]);
        rewrite_report_reference(report, text, &verdict, strbuf_slice(&rewritten));
        strbuf_add_slice(&out, rewritten.len ? strbuf_slice(&rewritten) : text);
        strbuf_add_char(&out, '\n');
    }
    if (writes_texts(options) && print(&out, stdout) != 0)
        return EXIT_FAILED;
    return tell(options, report);
}

int command_rewrite(int argc, char **argv)
{
    __attribute__((cleanup(options_fini))) struct options options = {0};
    REWRITE_REPORT_CLEANUP struct rewrite_report report = {0};
    struct rule_set *rules = NULL;
    enum config_kinds kinds = CONFIG_KINDS_KNOWN;
    struct error error = {""};
    int status = read_options(&options, argc, argv);

    if (status != 0)
        return status;
    if (options.help) {
        (void)fprintf(stdout, "%s%s", usage, help);
        return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
    }
    if (load_rules(&options, &rules, &kinds, &error) != 0) {
        complain(error.text);
        return EXIT_FAILED;
    }
    rewrite_report_init(&report, rules);
    status = options.n_files ? rewrite_files(&options, kinds, &report)
                             : rewrite_references(&options, &report);
    rule_set_free(rules);
    return status;
}
