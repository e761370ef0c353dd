#include "options.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/app/serve/service.h"

#include <stdio.h>

static const char usage[] =
    "usage: pullthrough serve [--config FILE]\n"
    "\n"
    "Runs the webhook until SIGTERM. SIGHUP reads the configuration and the certificate again;\n"
    "both are also taken when their files change.\n"
    "\n"
    "  --config FILE  the configuration (docs/configuration.md); without it the defaults hold\n"
    "  --help         this text\n";

int command_serve(int argc, char **argv)
{
    struct error error = {""};
    struct options options;
    int status = options_read(&options, argc, argv, usage);

    if (status != OPTIONS_GO_ON)
        return status;
    if (service_run(options.config_path, &error)) {
        (void)fprintf(stderr, "pullthrough serve: %s\n", error.text);
        return EXIT_FAILED;
    }
    return EXIT_FINE;
}
