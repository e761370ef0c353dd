/*
 * `pullthrough check-config`: what a configuration means, before a cluster finds out. It asks
 * nobody: whether AWS agrees is for `rules` and `verify`.
 */
#include "command_line.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/config/config_warnings.h"

#include <stdio.h>

enum { CONFIG };

static const struct command_option options[] = {[CONFIG] = COMMAND_CONFIG};

static void warn(void *context, const char *warning)
{
    (void)context;
    (void)fprintf(stderr, "pullthrough check-config: warning: %s\n", warning);
}

static int run(const struct command_line *line)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf whole = STRBUF_INIT(CONFIG_TEXT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    struct config_environment environment = config_source_environment();
    const char *path = command_line_option(line, CONFIG);
    struct error error;
    int status;

    if (path && line->n_words)
        return command_misused(line->command, "--config: one FILE is enough");
    if (line->n_words)
        path = line->words[0];
    if (config_source_read(path, &text, &error))
        return command_fail(line->command, EXIT_FAILED, error.text);
    if (config_source_parse(path, strbuf_slice(&text), &config, &error)) {
        (void)fprintf(stderr, "%s\n", error.text); /* alone, so that editors find the place */
        return EXIT_NEGATIVE;
    }
    config_print(config, &whole);
    status = command_print(line->command, &whole);
    if (status == EXIT_FINE)
        config_warnings(config, &environment, warn, NULL);
    return status;
}

const struct command command_check_config = {
    .name = "check-config",
    .summary = "check a configuration and print it whole",
    .usage = "[FILE]",
    .about = "Read a configuration (\"-\": from standard input; no FILE: the defaults), check it, "
             "and print it whole, with everything that it takes by default. What is valid but "
             "surely not meant is said on standard error. FILE is the same as --config FILE.",
    .notes = "Of private images the cache holds what its own account reads, for everybody who may "
             "pull from it. To keep them out (pull secrets work as before):",
    .sample = "rewrite:\n"
              "  exclude: [\"docker.io/acme/*\", \"ghcr.io/acme/*\", \"quay.io/acme/*\"]\n"
              "  pullSecrets: skip",
    .examples = "pullthrough check-config config.yaml",
    .exits = {"valid", "wrong (FILE:LINE:COL: message)", [EXIT_FAILED] = "can't be read"},
    .word = "FILE",
    .words_most = 1,
    COMMAND_OPTIONS(options),
    .run = run,
};
