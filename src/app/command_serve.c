#include "pullthrough/app/commands.h"
#include "pullthrough/app/service.h"

#include <getopt.h>
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
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *config_path = NULL;
    struct error error = {""};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return EXIT_FINE;
        }
        if (option != 'c') {
            (void)fputs(usage, stderr);
            return EXIT_USAGE;
        }
        config_path = optarg;
    }
    if (optind < argc) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (service_run(config_path, &error)) {
        (void)fprintf(stderr, "pullthrough serve: %s\n", error.text);
        return EXIT_FAILED;
    }
    return EXIT_FINE;
}
