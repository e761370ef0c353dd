/*
 * `pullthrough serve`: the webhook itself, which is app/serve's. Here is only how it is called;
 * what goes wrong once it runs goes to the log, not to its exit status.
 */
#include "command_line.h"
#include "pullthrough/app/serve/service.h"

enum { CONFIG };

static const struct command_option options[] = {[CONFIG] = COMMAND_CONFIG};

static int run(const struct command_line *line)
{
    struct error error = {""};

    return service_run(command_line_option(line, CONFIG), &error)
               ? command_fail(line->command, EXIT_FAILED, error.text)
               : EXIT_FINE;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "run the webhook",
    .usage = "[--config FILE]",
    .about = "Run the webhook until SIGTERM. SIGHUP reads the configuration and the certificate "
             "again; both are also taken when their files change.",
    .exits = {[EXIT_FINE] = "stopped by a signal", [EXIT_FAILED] = "could not start"},
    COMMAND_OPTIONS(options),
    .run = run,
};
