/*
 * `pullthrough rewrite`: what the webhook would do to references and manifests, without a
 * cluster and, unless --live asks ECR what it holds, without AWS. Every rule is taken to be ready.
 *
 * It never writes a file, and it refuses to join several manifests on standard output: that
 * would add bytes (separators, newlines, a byte order mark less) to texts of which nothing but
 * images may change.
 */
#include "command_config.h"
#include "manifest_input.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/file.h"
#include "rewrite_live.h"
#include "rewrite_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    HOST_MAX = 512,
    OUTPUT_BYTES_MAX = 1024 * 1024 * 1024,
};

enum { FILES, EXPLAIN, CHECK, OUTPUT, LIVE, KINDS, CONFIG, PROFILE, ACCOUNT, REGION };

static const char any_pod_spec[] = "any-pod-spec";

static const struct command_option option_table[] = {
    [FILES] = {.name = "file",
               .letter = 'f',
               .argument = "FILE",
               .help = "a manifest, \"-\" for standard input; several with --explain, --check or "
                       "-o json, which write no manifest"},
    [EXPLAIN] = {.name = "explain", .help = "instead, what becomes of each image and why"},
    [CHECK] = {.name = "check",
               .help = "instead, what would change; the exit status says whether anything would"},
    [OUTPUT] = {.name = "output",
                .letter = 'o',
                .argument = "json",
                .choices = "json",
                .help = "instead, all of that as one JSON document, image by image as they come"},
    [LIVE] = {.name = "live",
              .help = "with one of these: ask ECR which images it holds, where rewrite.when or "
                      "rewrite.digests is cached"},
    [KINDS] = {.name = "kinds",
               .argument = "WHICH",
               .choices = "known any-pod-spec",
               .help = "known: the kinds below; any-pod-spec: in custom objects also each mapping "
                       "with a list of containers; over the configuration's rewrite.kinds"},
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
};

struct options {
    const char **files; /* as many as were given */
    size_t n_files;
    char *const *references;
    size_t n_references;
    const char *profile, *kinds;
    bool explain, check, json, live;
};

static void options_fini(struct options *options)
{
    free(options->files);
}

static void complain(const char *reason)
{
    (void)command_fail(&command_rewrite, EXIT_FAILED, reason);
}

/* NULL, or what is wrong with them together. */
static const char *judge_options(const struct options *options, const struct command_line *line)
{
    if (!options->n_files && !options->n_references)
        return "nothing to rewrite: name references, or manifests with -f";
    if (options->n_files && options->n_references)
        return "references and -f don't go together";
    if (options->n_files > 1 && !options->explain && !options->check && !options->json)
        return "only one manifest fits on standard output; several files need --explain, --check "
               "or -o json";
    if (options->live && !options->explain && !options->check && !options->json)
        return "--live goes with --explain, --check or -o json";
    return command_reads_once(line, options->files, options->n_files);
}

static void read_options(struct options *options, const struct command_line *line)
{
    *options = (struct options){
        .references = line->words,
        .n_references = line->n_words,
        .profile = command_line_option(line, PROFILE),
        .kinds = command_line_option(line, KINDS),
        .explain = command_line_option(line, EXPLAIN) != NULL,
        .check = command_line_option(line, CHECK) != NULL,
        .json = command_line_option(line, OUTPUT) != NULL,
        .live = command_line_option(line, LIVE) != NULL,
    };
    options->files = alloc_zeroed(line->n_given, sizeof(*options->files));
    options->n_files = command_line_options(line, FILES, options->files);
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

/* The configuration with the options over it, and the rules of both. */
struct source {
    const struct config *loaded; /* or NULL */
    struct config config;        /* borrows the texts of `loaded` */
    struct rule_set *rules;
};

static void source_fini(struct source *source)
{
    rule_set_free(source->rules);
    config_unref(source->loaded);
}

static int load(struct source *source, const struct command_line *line,
                const struct options *options, struct error *error)
{
    struct config *config = &source->config;
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    int r;

    if (command_config_load(line, &source->loaded, config, error) < 0)
        return -1;
    if (options->kinds)
        config->rewrite.kinds = strcmp(options->kinds, any_pod_spec) == 0
                                    ? CONFIG_KINDS_ANY_POD_SPEC
                                    : CONFIG_KINDS_KNOWN;
    if (options->live && !config_is_cached(config))
        return error_set(error, "--live: no image depends on what ECR holds, since neither "
                                "rewrite.when nor rewrite.digests is cached");
    r = config_source_host(config, &host, error);
    if (r > 0)
        return unknown_host(config, error);
    if (r < 0)
        return r;
    source->rules = rule_set_new(config, &(struct rule_set_facts){.host = strbuf_slice(&host)});
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

/* Chart sources are no YAML until Helm has rendered them. */
static const char *advice(struct slice text)
{
    return text.len > 1 && memmem(text.ptr, text.len, "{{", 2) ? manifest_input_hint : "";
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
    rewrite_report_file(report, manifest_input_name(file));
    strbuf_init(out, OUTPUT_BYTES_MAX);
    if (manifest_rewrite(report->rules, kinds, strbuf_slice(&text), out, &callbacks, &error) == 0)
        return 0;
    rewrite_report_drop_file(report);
    (void)fprintf(stderr, "%s:%s%s\n", manifest_input_name(file), error.text,
                  advice(strbuf_slice(&text)));
    return -1;
}

/* The same where no text is written: it may be of any length. */
static int look_at_file(const char *file, enum config_kinds kinds, struct rewrite_report *report)
{
    const struct manifest_input input = {
        .rules = report->rules, .kinds = kinds, .report = rewrite_report_callbacks(report)};
    struct error error = {""};
    int r;

    rewrite_report_file(report, manifest_input_name(file));
    r = manifest_input_file(&input, file, &error);
    if (r == 0)
        return 0;
    rewrite_report_drop_file(report);
    if (r == MANIFEST_INPUT_UNREAD)
        complain(error.text);
    else
        (void)fprintf(stderr, "%s\n", error.text);
    return -1;
}

/* What is told of images while they come, where they are many; what couldn't be written. */
struct telling {
    const struct options *options;
    const struct config *config;
    struct strbuf out;
    struct json_writer json;
    bool failed, assumed; /* --live wasn't given, and would matter */
};

static void flush(struct telling *telling)
{
    telling->failed = telling->failed || print(&telling->out, stdout) != 0;
    strbuf_clear(&telling->out);
}

static void tell_images(void *context, struct rewrite_report *report)
{
    struct telling *telling = context;
    struct error error = {""};

    if (telling->options->live && !telling->failed &&
        rewrite_live_ask(report, telling->config, telling->options->profile, &error) < 0) {
        complain(error.text);
        telling->failed = true;
    }
    telling->assumed |= !telling->options->live && rewrite_live_matters(report);
    if (telling->options->json)
        rewrite_report_json_images(report, &telling->json);
    else if (telling->options->explain)
        rewrite_report_table(report, text_look_of(STDOUT_FILENO), &telling->out);
    flush(telling);
}

static void begin_telling(struct telling *telling, const struct options *options,
                          const struct config *config, struct rewrite_report *report)
{
    *telling = (struct telling){
        .options = options, .config = config, .out = STRBUF_INIT(OUTPUT_BYTES_MAX)};
    if (options->json) {
        telling->json = json_begin(&telling->out, false);
        json_add_array(&telling->json, "images");
    }
    if (options->json || options->explain)
        report->spill = tell_images;
    report->context = telling;
}

/* What goes to standard output instead of texts, and what else is worth a word. */
static int tell(struct telling *telling, struct rewrite_report *report)
{
    STRBUF_CLEANUP struct strbuf remarks = STRBUF_INIT(OUTPUT_BYTES_MAX);
    const struct options *options = telling->options;

    tell_images(telling, report);
    if (options->json)
        rewrite_report_json_end(report, &telling->json);
    else if (options->check && !options->explain)
        rewrite_report_changes(report, &telling->out);
    if (!options->json)
        rewrite_report_remarks(report, !options->explain, &remarks);
    if (!options->json && telling->assumed)
        strbuf_add_str(&remarks, "pullthrough rewrite: ECR is taken to hold every image; --live "
                                 "with --explain asks it\n");
    flush(telling);
    strbuf_fini(&telling->out);
    if (telling->failed || print(&remarks, stderr) != 0)
        return EXIT_FAILED;
    return options->check && report->n_rewritten > 0 ? EXIT_NEGATIVE : EXIT_FINE;
}

static bool writes_texts(const struct options *options)
{
    return !options->explain && !options->check && !options->json;
}

static int rewrite_files(const struct options *options, const struct config *config,
                         struct rewrite_report *report)
{
    struct telling telling;
    int status = EXIT_FINE, told;

    begin_telling(&telling, options, config, report);
    for (size_t i = 0; i < options->n_files; i++) {
        STRBUF_CLEANUP struct strbuf out = {0};

        command_say_reading(&command_rewrite, options->files[i]);
        if (writes_texts(options)
                ? rewrite_file(options->files[i], config->rewrite.kinds, report, &out) != 0 ||
                      print(&out, stdout) != 0
                : look_at_file(options->files[i], config->rewrite.kinds, report) != 0)
            status = EXIT_FAILED;
    }
    told = tell(&telling, report);
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

static int rewrite_references(const struct options *options, const struct config *config,
                              struct rewrite_report *report)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_BYTES_MAX);
    struct telling telling;

    begin_telling(&telling, options, config, report);
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
        telling.failed = true;
    return tell(&telling, report);
}

static int run(const struct command_line *line)
{
    __attribute__((cleanup(options_fini))) struct options options = {0};
    REWRITE_REPORT_CLEANUP struct rewrite_report report = {0};
    __attribute__((cleanup(source_fini))) struct source source = {0};
    struct error error = {""};
    const char *wrong;

    read_options(&options, line);
    wrong = judge_options(&options, line);
    if (wrong)
        return command_misused(line->command, wrong);
    if (load(&source, line, &options, &error) != 0)
        return command_fail(line->command, EXIT_FAILED, error.text);
    rewrite_report_init(&report, source.rules);
    return options.n_files ? rewrite_files(&options, &source.config, &report)
                           : rewrite_references(&options, &source.config, &report);
}

const struct command command_rewrite = {
    .name = "rewrite",
    .summary = "rewrite references or manifests, or explain what would happen",
    .usage = "[OPTION...] REFERENCE...\n[OPTION...] -f FILE",
    .about =
        "Write references, or a manifest (YAML or JSON), as the webhook would let them be "
        "pulled. In a manifest nothing changes but the images of its pods. Every "
        "pull-through-cache rule is taken to be ready, and every image to be in the cache; AWS "
        "isn't asked, but with --live.",
    .notes =
        "Kinds that are known: Pod, PodTemplate, ReplicationController; Deployment, StatefulSet, "
        "DaemonSet, ReplicaSet (apps); Job, CronJob (batch); Rollout, Workflow, WorkflowTemplate, "
        "ClusterWorkflowTemplate, CronWorkflow (argoproj.io); CloneSet, StatefulSet, DaemonSet, "
        "BroadcastJob, AdvancedCronJob, UnitedDeployment, SidecarSet (apps.kruise.io); Service, "
        "Configuration, Revision (serving.knative.dev); List, typed lists such as PodList, and "
        "ResourceList (config.kubernetes.io), which makes this a KRM function for kustomize.\n\n"
        "Images that can't be edited (aliases, block scalars, template expressions) are left alone "
        "and named on standard error; so are objects of other kinds in which something looks like "
        "an image. --explain judges custom objects' lists of containers, too, whatever --kinds "
        "says.\n\n"
        "As a Helm post-renderer: with Helm 3 a script that runs `pullthrough rewrite -f -`, with "
        "Helm 4 the plugin in deploy/helm-plugin.",
    .examples = "pullthrough rewrite --explain nginx quay.io/prometheus/node-exporter\n"
                "pullthrough rewrite -f deployment.yaml",
    .exits = {"done", "--check and something would change", [EXIT_FAILED] = "could not do it"},
    .word = "REFERENCE",
    .values = VALUES_REGISTRIES,
    .words_most = SIZE_MAX,
    COMMAND_OPTIONS(option_table),
    .run = run,
};
