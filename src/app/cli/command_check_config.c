/*
 * `pullthrough check-config`: what a configuration means, before a cluster finds out.
 */
#include "pullthrough/app/cli/command_check_config.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/config/config_warnings.h"

#include <stdio.h>

static const char usage[] = "usage: pullthrough check-config [FILE]\n";

static const char help[] =
    "\n"
    "Read a configuration (\"-\": from standard input; no FILE: the defaults), check it, and\n"
    "print it whole, with everything that it takes by default. What is valid but surely not\n"
    "meant is said on standard error.\n"
    "\n"
    "Of private images the cache holds what its own account reads, for everybody who may\n"
    "pull from it. To keep them out (pull secrets work as before):\n"
    "\n"
    "    rewrite:\n"
    "      exclude: [\"docker.io/acme/*\", \"ghcr.io/acme/*\", \"quay.io/acme/*\"]\n"
    "      pullSecrets: skip\n"
    "\n"
    "exit status: 0 valid, 1 wrong (FILE:LINE:COL: message), 2 wrong usage, 3 can't be read\n";

static void warn(void *context, const char *warning)
{
    (void)context;
    (void)fprintf(stderr, "pullthrough check-config: warning: %s\n", warning);
}

/* An error in the file stands alone, so that editors find the place. */
static int fail(int status, const char *before, const struct error *error)
{
    (void)fprintf(stderr, "%s%s\n", before, error->text);
    return status;
}

static int check(const char *path)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf whole = STRBUF_INIT(CONFIG_TEXT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    struct config_environment environment = config_source_environment();
    struct error error;

    if (config_source_read(path, &text, &error))
        return fail(EXIT_FAILED, "pullthrough check-config: ", &error);
    if (config_source_parse(path, strbuf_slice(&text), &config, &error))
        return fail(EXIT_NEGATIVE, "", &error);
    config_print(config, &whole);
    if (fwrite(strbuf_str(&whole), 1, whole.len, stdout) != whole.len || fflush(stdout) != 0) {
        (void)error_set(&error, "standard output: %m");
        return fail(EXIT_FAILED, "pullthrough check-config: ", &error);
    }
    config_warnings(config, &environment, warn, NULL);
    return EXIT_FINE;
}

int command_check_config(int argc, char **argv)
{
    const char *path = NULL;
    bool only_files = false;

    for (int i = 1; i < argc; i++) {
        bool is_option = !only_files && argv[i][0] == '-' && argv[i][1];

        if (is_option && strcmp(argv[i], "--help") == 0) {
            (void)printf("%s%s", usage, help);
            return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
        }
        if (is_option && strcmp(argv[i], "--") == 0) {
            only_files = true;
            continue;
        }
        if (is_option || path) {
            (void)fprintf(stderr, "pullthrough check-config: %s %s\n%s",
                          is_option ? "unknown option" : "one FILE is enough, here is another:",
                          argv[i], usage);
            return EXIT_USAGE;
        }
        path = argv[i];
    }
    return check(path);
}
