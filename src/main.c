/*
 * Table of contents: what must happen before anything else, then the subcommand.
 */
#include "pullthrough/app/cli/command_check_config.h"
#include "pullthrough/app/cli/command_rewrite.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/edge/sys/process.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *does;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "run the webhook", command_serve},
    {"rewrite", "rewrite references or manifests, or explain what would happen", command_rewrite},
    {"review", "answer one AdmissionReview from standard input", command_review},
    {"check-config", "check a configuration and print it whole", command_check_config},
    {"certificates", "make or publish the webhook's certificates, for a Job of the chart",
     command_certificates},
    {"rules", "list, make or delete ECR's pull-through-cache rules", command_rules},
    {"verify", "try the way of one image through the cache", command_verify},
    {"iam", "print the IAM policies that it takes", command_iam},
    {"version", "print version, commit and libraries", command_version},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to)
{
    (void)fputs("usage: pullthrough COMMAND [ARGUMENT...]\n"
                "\n"
                "Rewrites the images of pods to the pull-through-cache of your own Amazon ECR.\n"
                "\n",
                to);
    for (size_t i = 0; i < COMMANDS; i++)
        (void)fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].does);
    (void)fputs("\n`pullthrough COMMAND --help` tells more.\n", to);
}

/* Before there are threads. */
static void set_up(void)
{
    /* A request's arena is one block that malloc should keep warm, not map and unmap or give
     * back each time; the threshold moves by itself otherwise. */
    (void)mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
    json_object_seed(0); /* jansson would seed itself at its first object, in any thread */
}

int main(int argc, char **argv)
{
    process_open_standard_streams();
    set_up();
    if (argc < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = "version";
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "pullthrough: no command \"%s\"\n\n", argv[1]);
    print_usage(stderr);
    return EXIT_USAGE;
}
