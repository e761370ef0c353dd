/*
 * `pullthrough warm`: every image of a cluster's pods that would be rewritten is imported once,
 * before a node asks for it: the proof before the switch. What ECR has is left alone, so a run that
 * was ended goes on where it was.
 */
#include "pods_input.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/config/config_values.h"
#include "warm_report.h"
#include "warm_work.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 64 * 1024 * 1024,
    TIMEOUT_MS = 10 * 60 * 1000,
    TIMEOUT_LEAST_MS = 1000,
    TIMEOUT_MOST_MS = 24 * 60 * 60 * 1000,
    PER_HOUR_MAX = 100000,
};

enum {
    FILES,
    FROM_CLUSTER,
    CONTEXT,
    KUBECONFIG,
    NAMESPACE,
    ALL_NAMESPACES,
    DRY_RUN,
    PER_HOUR,
    TIMEOUT,
    OUTPUT,
    CONFIG,
    PROFILE,
    ACCOUNT,
    REGION
};

static int read_timeout(uint64_t *timeout_ms, struct slice text, struct error *error)
{
    if (config_duration_parse(text, timeout_ms, error) < 0)
        return -1;
    if (*timeout_ms < TIMEOUT_LEAST_MS || *timeout_ms > TIMEOUT_MOST_MS)
        return error_set(error, "wants 1s to 24h");
    return 0;
}

static int check_timeout(struct slice text, struct error *error)
{
    uint64_t timeout_ms;

    return read_timeout(&timeout_ms, text, error);
}

static int read_per_hour(unsigned *per_hour, struct slice text, struct error *error)
{
    unsigned n = 0;

    for (size_t i = 0; i < text.len && n <= PER_HOUR_MAX; i++)
        n = text.ptr[i] >= '0' && text.ptr[i] <= '9' ? 10 * n + (unsigned)(text.ptr[i] - '0')
                                                     : PER_HOUR_MAX + 1;
    if (n < 1 || n > PER_HOUR_MAX)
        return error_set(error, "wants a number from 1 to %d", PER_HOUR_MAX);
    *per_hour = n;
    return 0;
}

static int check_per_hour(struct slice text, struct error *error)
{
    unsigned per_hour;

    return read_per_hour(&per_hour, text, error);
}

static const struct command_option option_table[] = {
    [FILES] = PODS_INPUT_FILES,
    [FROM_CLUSTER] = {.name = "from-cluster",
                      .help = "run kubectl for the pods, whatever standard input is"},
    [CONTEXT] = PODS_INPUT_CONTEXT,
    [KUBECONFIG] = PODS_INPUT_KUBECONFIG,
    [NAMESPACE] = PODS_INPUT_NAMESPACE,
    [ALL_NAMESPACES] = PODS_INPUT_ALL_NAMESPACES,
    [DRY_RUN] = {.name = "dry-run",
                 .help = "import nothing: tell what is missing, and how large what is there is"},
    [PER_HOUR] = {.name = "per-hour",
                  .argument = "N",
                  .check = check_per_hour,
                  .help = "imports from Docker Hub in an hour; without it what import.perHour "
                          "says, or 40: its limit counts an image once for each architecture"},
    [TIMEOUT] = {.name = "timeout",
                 .argument = "TIME",
                 .check = check_timeout,
                 .help = "how long an image is tried and waited for; default 10m"},
    [OUTPUT] = COMMAND_OUTPUT,
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
};

static int tell(const struct command_line *line, const struct warm_report *report)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_MAX);
    enum command_output output = command_output_of(line, OUTPUT);
    int printed;

    if (output != OUTPUT_TEXT)
        warm_report_json(report, &out);
    else
        warm_report_text(report, text_look_of(STDOUT_FILENO), &out);
    printed = command_print_document(line->command, &out, output);
    if (printed != EXIT_FINE)
        return printed;
    return warm_report_is_whole(report) ? EXIT_FINE : EXIT_NEGATIVE;
}

/* As the signal would have ended us: who started us is to see that. */
static void end_by(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* The list is made. */
static int work_on(const struct command_line *line, struct warm_work *work)
{
    const char *timeout = command_line_option(line, TIMEOUT);
    const char *per_hour = command_line_option(line, PER_HOUR);
    struct warm_report report = {.list = work->list,
                                 .dry_run = command_line_option(line, DRY_RUN) != NULL};
    struct error error = {""};
    int ended_by = 0, status;

    work->timeout_ms = TIMEOUT_MS;
    if (timeout)
        (void)read_timeout(&work->timeout_ms, slice_str(timeout), &error);
    if (per_hour)
        (void)read_per_hour(&work->per_hour, slice_str(per_hour), &error);
    if (warm_look(work, &error) < 0)
        return command_fail(line->command, EXIT_FAILED, error.text);
    if (!report.dry_run)
        ended_by = warm_import(work, &error);
    if (ended_by < 0)
        return command_fail(line->command, EXIT_FAILED, error.text);
    report.interrupted = ended_by > 0;
    status = tell(line, &report);
    if (ended_by > 0)
        end_by(ended_by);
    return status;
}

static int warm(const struct command_line *line, const struct pods_input *input,
                struct warm_work *work)
{
    struct scan *scan = scan_new(work->rules->rules);
    int status = pods_input_scan(input, work->rules->rules, scan);

    if (status == EXIT_FINE && scan_uncounted(scan) > 0) {
        struct error error;

        (void)error_set(&error,
                        "more images than the %d that there is room for: %zu aren't counted; take "
                        "a namespace at a time (-n)",
                        SCAN_NAMES_MAX, scan_uncounted(scan));
        status = command_fail(line->command, EXIT_FAILED, error.text);
    } else if (status == EXIT_FINE) {
        warm_list_make(work->list, scan, work->rules);
        status = work_on(line, work);
        warm_list_fini(work->list);
    }
    scan_free(scan);
    return status;
}

/* The rules as ECR has them, and the client that goes on asking. -1 with the reason. */
static int find_rules(struct scan_rules *rules, const struct config *config,
                      const struct warm_work *work, const struct timing *timing,
                      struct error *error)
{
    const struct scan_rules_asker asker = {
        .profile = work->profile, .progress = work->progress, .timing = timing};

    if (scan_rules_find(rules, config, &asker, error) != 0)
        return -1;
    if (!rules->is_live)
        return error_set(error, "%s", rules->assumed.text);
    if (!rules->host_known)
        return error_set(error, "the registry's account and region aren't known");
    return aws_access_check_account(rules->client, config, error);
}

static int warm_with(const struct command_line *line, const struct config *config,
                     const struct pods_input *input)
{
    struct progress progress;
    struct warm_clock clock;
    struct warm_list list;
    struct scan_rules rules = {0};
    struct timing timing;
    struct warm_work work = {
        .list = &list,
        .rules = &rules,
        .clock = &clock,
        .progress = &progress,
        .profile = command_line_option(line, PROFILE),
    };
    struct error error = {""};
    int status;

    progress_init(&progress, "warm");
    warm_clock_init(&clock, &progress);
    timing = warm_clock_timing(&clock);
    if (find_rules(&rules, config, &work, &timing, &error) < 0)
        status = command_fail(line->command, EXIT_FAILED, error.text);
    else
        status = warm(line, input, &work);
    scan_rules_fini(&rules);
    return status;
}

static int run(const struct command_line *line)
{
    return pods_input_run(line, warm_with);
}

const struct command command_warm = {
    .name = "warm",
    .summary = "import every image of a cluster's pods into the cache, before the switch",
    .usage = "[OPTION...] [--from-cluster]\n[OPTION...] -f FILE\n[OPTION...] -",
    .about = "Read pods as `pullthrough scan` does, and see to it that ECR has each image that "
             "would be rewritten: what is missing is imported once, by its tag, four at once. What "
             "is told in the end, and couldn't be imported, no node could pull through the cache.",
    .notes = "All architectures of an image are imported, since ECR imports lists whole. A digest "
             "without a tag can't be imported by any call; with a tag it is imported by that.\n\n"
             "An upstream that is asked too often is left in peace for a while; one that doesn't "
             "answer, or whose images are denied, is given up for this run. Ctrl-C stops, tells "
             "what is missing, and the next run goes on with that. The hour of --per-hour begins "
             "anew with each run.\n\n"
             "It takes the rights that `pullthrough iam verify` prints, and the rules of ECR "
             "(`pullthrough rules apply`).",
    .examples = "pullthrough warm --dry-run\n"
                "kubectl get pods -A -o json | pullthrough warm -\n"
                "helm template CHART | pullthrough warm -f - --per-hour 100",
    .exits = {"ECR has them all", "ECR doesn't have them all; with --dry-run: some are missing",
              [EXIT_FAILED] = "could not read the pods, or ECR doesn't say what it has"},
    .word = "-",
    .words_most = 1,
    COMMAND_OPTIONS(option_table),
    .run = run,
};
