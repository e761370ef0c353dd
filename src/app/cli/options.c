#include "options.h"

#include "pullthrough/app/cli/commands.h"

#include <getopt.h>
#include <stdio.h>

static int wrong_usage(const char *usage)
{
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

int options_read(struct options *options, int argc, char **argv, const char *usage)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option;

    *options = (struct options){0};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return EXIT_FINE;
        }
        if (option != 'c')
            return wrong_usage(usage);
        options->config_path = optarg;
    }
    return optind < argc ? wrong_usage(usage) : OPTIONS_GO_ON;
}
