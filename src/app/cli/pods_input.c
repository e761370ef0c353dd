/*
 * kubectl is run where there is nothing to read: every way to log in works then, and no kubeconfig
 * is parsed here.
 */
#include "pods_input.h"

#include "command_config.h"
#include "manifest_input.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/piped.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KUBECTL_WORDS = 16 };

static bool asks_kubectl(const struct pods_input *input)
{
    return input->context || input->kubeconfig || input->namespace || input->all_namespaces ||
           input->from_cluster;
}

/* NULL, or what is wrong with them together. */
static const char *judge(const struct pods_input *input, const struct command_line *line)
{
    if (line->n_words > 0 && strcmp(line->words[0], "-") != 0)
        return "pods come from a file after -f, or from standard input by \"-\"";
    if (input->n_files > 0 && input->from_cluster)
        return "the pods come from the cluster or from files, not both";
    if (input->n_files > 0 && asks_kubectl(input))
        return "--context, --kubeconfig, -n and -A are kubectl's, which isn't run for files";
    if (input->namespace && input->all_namespaces)
        return "-n is one namespace, -A all of them";
    return command_reads_once(line, input->files, input->n_files);
}

int pods_input_run(const struct command_line *line, pods_input_fn go_on)
{
    CONFIG_CLEANUP const struct config *loaded = NULL;
    const char **files = alloc_zeroed(line->n_given + 2, sizeof(*files));
    struct pods_input input = {
        .command = line->command,
        .files = files,
        .n_files = command_line_options(line, command_line_row(line, "file"), files),
        .context = command_line_named(line, "context"),
        .kubeconfig = command_line_named(line, "kubeconfig"),
        .namespace = command_line_named(line, "namespace"),
        .all_namespaces = command_line_named(line, "all-namespaces") != NULL,
        .from_cluster = command_line_named(line, "from-cluster") != NULL,
    };
    struct config config;
    struct error error = {""};
    const char *wrong;
    int status;

    if (line->n_words > 0)
        files[input.n_files++] = line->words[0];
    wrong = judge(&input, line);
    if (wrong)
        status = command_misused(line->command, wrong);
    else if (command_config_load(line, &loaded, &config, &error) < 0)
        status = command_fail(line->command, EXIT_FAILED, error.text);
    else
        status = go_on(line, &config, &input);
    free(files);
    return status;
}

static int fail(const struct pods_input *input, const struct error *error)
{
    return command_fail(input->command, EXIT_FAILED, error->text);
}

static int fail_absent(const struct pods_input *input)
{
    struct error error;

    (void)error_set(&error,
                    "kubectl isn't in PATH; where it is, type: kubectl get pods -A -o json | "
                    "pullthrough %s -",
                    input->command->name);
    return fail(input, &error);
}

static int scan_kubectl(const struct pods_input *input, const struct manifest_input *manifests)
{
    const char *words[KUBECTL_WORDS] = {"kubectl", "get", "pods", "-o", "json"};
    struct piped kubectl;
    struct error error = {""}, ended = {""};
    size_t n = 5;
    int r, ending;

    words[n++] = input->namespace ? "--namespace" : "--all-namespaces";
    if (input->namespace)
        words[n++] = input->namespace;
    if (input->context) {
        words[n++] = "--context";
        words[n++] = input->context;
    }
    if (input->kubeconfig) {
        words[n++] = "--kubeconfig";
        words[n++] = input->kubeconfig;
    }
    r = piped_start(&kubectl, (char *const *)words, &error);
    if (r == PIPED_ABSENT)
        return fail_absent(input);
    if (r != 0)
        return fail(input, &error);
    r = manifest_input_fd(manifests, kubectl.fd, "kubectl", &error);
    ending = piped_end(&kubectl, &ended);
    if (r == 0 && ending != 0)
        r = error_set(&error, "kubectl %s%s", ended.text,
                      input->context ? "; `kubectl config get-contexts` names the contexts" : "");
    else if (ending == PIPED_FAILED) /* which a signal needn't be: we read no more */
        r = error_prefix(&error, "kubectl %s, and what it printed can't be read", ended.text);
    return r == 0 ? EXIT_FINE : fail(input, &error);
}

static int scan_files(const struct pods_input *input, const char *const *files, size_t n,
                      const struct manifest_input *manifests, struct scan *scan)
{
    struct error error = {""};

    for (size_t i = 0; i < n; i++) {
        scan_begin_input(scan);
        command_say_reading(input->command, files[i]);
        if (manifest_input_file(manifests, files[i], &error) != 0)
            return fail(input, &error);
    }
    return EXIT_FINE;
}

int pods_input_scan(const struct pods_input *input, const struct rule_set *rules, struct scan *scan)
{
    static const char *const standard_input[] = {"-"};
    struct manifest_seen seen = {0};
    const struct manifest_input manifests = {
        .rules = rules, .kinds = CONFIG_KINDS_KNOWN, .report = scan_counter(scan), .seen = &seen};
    int status;

    if (input->n_files > 0)
        status = scan_files(input, input->files, input->n_files, &manifests, scan);
    else if (asks_kubectl(input) || isatty(STDIN_FILENO) == 1)
        status = scan_kubectl(input, &manifests);
    else
        status = scan_files(input, standard_input, 1, &manifests, scan);
    /* Whoever failed in front of the pipe may have said nothing. */
    if (status == EXIT_FINE && seen.goes_on)
        return command_fail(input->command, EXIT_FAILED,
                            "a list in the input goes on elsewhere (metadata.continue); `kubectl "
                            "get pods -A -o json` prints all of it");
    if (status == EXIT_FINE && seen.objects == 0)
        return command_fail(input->command, EXIT_FAILED,
                            "there is not one Kubernetes object in the input; `kubectl get pods -A "
                            "-o json` prints them");
    if (status == EXIT_FINE && scan_all(scan).containers == 0)
        (void)command_fail(input->command, EXIT_FINE, "there is not one image in the input");
    return status;
}
