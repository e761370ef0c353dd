/*
 * `pullthrough verify`: the whole way of one image, from the credentials to its place in ECR, with
 * what to do where it ends.
 *
 * It changes nothing but what a pull changes: ECR may make the repository and import the image.
 */
#include "command_config.h"
#include "pullthrough/core/config/config_values.h"
#include "verify_pod.h"
#include "verify_steps.h"

enum { TIMEOUT, POD, CONFIG, PROFILE, ACCOUNT, REGION, OUTPUT };

static const char default_image[] = "docker.io/library/alpine:3";

enum { TIMEOUT_MS = 60 * 1000, TIMEOUT_LEAST_MS = 1000, TIMEOUT_MOST_MS = 3600 * 1000 };

static int read_timeout(uint64_t *timeout_ms, struct slice text, struct error *error)
{
    if (config_duration_parse(text, timeout_ms, error) < 0)
        return -1;
    if (*timeout_ms < TIMEOUT_LEAST_MS || *timeout_ms > TIMEOUT_MOST_MS)
        return error_set(error, "wants 1s to 1h");
    return 0;
}

static int check_timeout(struct slice text, struct error *error)
{
    uint64_t timeout_ms;

    return read_timeout(&timeout_ms, text, error);
}

static const struct command_option options[] = {
    [TIMEOUT] = {.name = "timeout",
                 .argument = "TIME",
                 .check = check_timeout,
                 .help = "for the pull, and again for its traces in ECR; default 60s"},
    [POD] = {.name = "pod",
             .argument = "POD/CONTAINER",
             .help = "in a pod: wait until the node has pulled the image of that container of a "
                     "pod of the same namespace, or say why it can't. Asks the API server alone; "
                     "its role needs `get` on that pod"},
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
    [OUTPUT] = COMMAND_OUTPUT,
};

static int walk(struct verify *verify)
{
    int status = EXIT_NEGATIVE;

    if (!verify_credentials(verify))
        status = verify->report.done[VERIFY_IMAGE] ? EXIT_NEGATIVE : EXIT_FAILED;
    else if (verify_image(verify) && verify_rule(verify)) {
        verify_secret(verify);
        if (verify_token(verify) && verify_pull(verify))
            verify_cache(verify);
    }
    verify_report_end(&verify->report, verify->text, strbuf_str(&verify->rewritten));
    if (verify->report.unwritten)
        return command_fail(&command_verify, EXIT_FAILED, "can't write all of the output");
    return verify->report.failed ? status : EXIT_FINE;
}

static int run(const struct command_line *line)
{
    const char *pod = command_line_option(line, POD), *timeout = command_line_option(line, TIMEOUT);
    enum command_output output = command_output_of(line, OUTPUT);
    CONFIG_CLEANUP const struct config *loaded = NULL;
    struct config config;
    struct verify verify = {.profile = command_line_option(line, PROFILE),
                            .timeout_ms = TIMEOUT_MS};
    int status;

    if (timeout)
        (void)read_timeout(&verify.timeout_ms, slice_str(timeout), &verify.error);
    if (pod && (line->n_words || command_line_option(line, CONFIG) || verify.profile ||
                command_line_option(line, ACCOUNT) || command_line_option(line, REGION)))
        return command_misused(line->command,
                               "--pod: takes no image, and no configuration or option of AWS");
    if (pod)
        return verify_pod(pod, verify.timeout_ms, output);
    if (command_config_load(line, &loaded, &config, &verify.error) < 0)
        return command_fail(line->command, EXIT_FAILED, verify.error.text);
    verify.config = &config;
    verify.text = line->n_words ? line->words[0] : default_image;
    status = verify_init(&verify, output) < 0
                 ? command_fail(line->command, EXIT_FAILED, verify.error.text)
                 : walk(&verify);
    verify_fini(&verify);
    return status;
}

const struct command command_verify = {
    .name = "verify",
    .summary = "try the way of one image through the cache",
    .usage = "[OPTION...] [REFERENCE]\n--pod POD/CONTAINER [OPTION...]",
    .about = "Try the way of one image through the cache, step by step: credentials, rule, secret, "
             "login, the pull of its manifest, and the repository and the image in ECR. REFERENCE "
             "is the image as a pod names it; without one, docker.io/library/alpine:3.",
    .notes = "`pullthrough iam verify` prints the permissions that it takes. The nodes' own are "
             "another matter: this is the pull of whoever runs it. `helm test` asks a node, by "
             "--pod.",
    .examples = "pullthrough verify quay.io/prometheus/node-exporter:v1.9.1",
    .exits = {"every step done", "a step failed",
              [EXIT_FAILED] = "could not try: no configuration, or no valid credentials"},
    .word = "REFERENCE",
    .values = VALUES_REGISTRIES,
    .words_most = 1,
    COMMAND_OPTIONS(options),
    .run = run,
};
