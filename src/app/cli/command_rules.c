/*
 * `pullthrough rules`: ECR's pull-through-cache rules from the command line.
 */
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cli/commands.h"
#include "rules_command.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] = "usage: pullthrough rules list [OPTION...]\n"
                            "       pullthrough rules apply [--dry-run] [OPTION...]\n"
                            "       pullthrough rules delete PREFIX [--yes] [OPTION...]\n";

static const char help[] =
    "\n"
    "The pull-through-cache rules of ECR beside those that the configuration wants.\n"
    "\n"
    "  list    what ECR has, what is wanted, and how each upstream stands; others' rules too\n"
    "  apply   make what is missing, once, now, whatever reconcile.mode says; never deletes, "
    "never\n"
    "          points a rule elsewhere\n"
    "  delete  delete the one rule that is named; what is cached stays\n"
    "\n"
    "      --dry-run         apply: print what would be made, and make nothing\n"
    "      --yes             delete: without asking\n"
    "      --config FILE     the configuration; without it the defaults hold\n"
    "  -o, --output json     one JSON document\n"
    "      --help            this text\n"
    "\n"
    "exit status:\n"
    "  list    0 listed, 3 could not look\n"
    "  apply   0 every enabled upstream is ready, 1 not all are, 3 could not look;\n"
    "          with --dry-run: 0 nothing to do, 1 something is to do, by apply or by you (an\n"
    "          upstream that is left though it isn't ready), 3 could not look\n"
    "  delete  0 deleted, 1 there is no such rule or the answer was no, 3 could not do it\n"
    "  all     2 wrong usage\n";

enum { GO_ON = -1 };

static const struct {
    const char *name;
    int (*run)(struct rules_command *command, struct strbuf *out);
} verbs[] = {
    {"list", rules_list},
    {"apply", rules_apply},
    {"delete", rules_delete},
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]), LIST = 0, APPLY = 1, DELETE = 2 };

static int wrong_usage(const char *what, const char *reason)
{
    (void)fprintf(stderr, "pullthrough rules: %s%s\n%s", what, reason, usage);
    return EXIT_USAGE;
}

struct options {
    size_t verb;
    const char *config;
};

static int read_words(struct options *options, struct rules_command *command, int argc, char **argv)
{
    if (optind == argc)
        return wrong_usage("list, apply or delete?", "");
    for (options->verb = 0; options->verb < VERBS; options->verb++)
        if (strcmp(argv[optind], verbs[options->verb].name) == 0)
            break;
    if (options->verb == VERBS)
        return wrong_usage(argv[optind], ": unknown");
    optind++;
    if (options->verb == DELETE) {
        if (optind == argc || !*argv[optind])
            return wrong_usage("delete", " wants the PREFIX of a rule");
        command->prefix = argv[optind++];
    }
    if (optind < argc)
        return wrong_usage(argv[optind], ": one too many");
    if (command->dry_run && options->verb != APPLY)
        return wrong_usage("--dry-run", " is for apply");
    if (command->yes && options->verb != DELETE)
        return wrong_usage("--yes", " is for delete");
    return GO_ON;
}

static int read_options(struct options *options, struct rules_command *command, int argc,
                        char **argv)
{
    static const struct option known[] = {
        {"dry-run", no_argument, NULL, 'n'},      {"yes", no_argument, NULL, 'y'},
        {"config", required_argument, NULL, 'c'}, {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":o:", known, NULL)) != -1) {
        switch (option) {
        case 'n': command->dry_run = true; break;
        case 'y': command->yes = true; break;
        case 'c': options->config = optarg; break;
        case 'o':
            command->json = true;
            if (strcmp(optarg, "json") != 0)
                return wrong_usage("-o", " knows \"json\" only");
            break;
        case 'h':
            (void)printf("%s%s", usage, help);
            return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
        default:
            return wrong_usage(argv[optind - 1],
                               option == ':' ? ": an argument is missing" : ": unknown option");
        }
    }
    return read_words(options, command, argc, argv);
}

static int run(const struct options *options, struct rules_command *command)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(RULES_TEXT_MAX);
    struct error error = {""};
    int status;

    progress_init(&command->progress, "rules");
    command->timing = progress_timing(&command->progress);
    if (config_source_load(options->config, &command->loaded, &error) < 0 ||
        aws_access_named_account(command->account, command->loaded, &error) < 0 ||
        aws_access_for_command(&command->client, command->loaded, &command->timing, &error) < 0) {
        (void)fprintf(stderr, "pullthrough rules: %s\n", error.text);
        return EXIT_FAILED;
    }
    command->config = *command->loaded;
    status = verbs[options->verb].run(command, &out);
    if (fwrite(strbuf_str(&out), 1, out.len, stdout) != out.len || fflush(stdout) != 0 ||
        strbuf_overflowed(&out)) {
        (void)fputs("pullthrough rules: can't write all of the output\n", stderr);
        return EXIT_FAILED;
    }
    return status;
}

int command_rules(int argc, char **argv)
{
    struct rules_command command = {0};
    struct options options = {0};
    int status = read_options(&options, &command, argc, argv);

    if (status != GO_ON)
        return status;
    status = run(&options, &command);
    aws_client_free(command.client);
    config_unref(command.loaded);
    return status;
}
