/*
 * `pullthrough verify`: the whole way of one image, from the credentials to its place in ECR, with
 * what to do where it ends.
 *
 * It changes nothing but what a pull changes: ECR may make the repository and import the image.
 */
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/config/config_values.h"
#include "verify_pod.h"
#include "verify_steps.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] = "usage: pullthrough verify [OPTION...] [REFERENCE]\n"
                            "       pullthrough verify --pod POD/CONTAINER [OPTION...]\n";

static const char help[] =
    "\n"
    "Try the way of one image through the cache, step by step: credentials, rule, secret, login,\n"
    "the pull of its manifest, and the repository and the image in ECR. REFERENCE is the image as\n"
    "a pod names it; without one, docker.io/library/alpine:3.\n"
    "\n"
    "      --timeout TIME    for the pull, and again for its traces in ECR; default 60s\n"
    "      --pod POD/CONTAINER\n"
    "                        in a pod: wait until the node has pulled the image of that container\n"
    "                        of a pod of the same namespace, or say why it can't. Asks the API\n"
    "                        server alone; its role needs `get` on that pod\n"
    "      --config FILE     the configuration; without it the defaults hold\n"
    "  -o, --output json     one JSON document\n"
    "      --help            this text\n"
    "\n"
    "`pullthrough iam verify` prints the permissions that it takes. The nodes' own are another\n"
    "matter: this is the pull of whoever runs it. `helm test` asks a node, by --pod.\n"
    "\n"
    "exit status: 0 every step done, 1 a step failed, 2 wrong usage, 3 could not try: no\n"
    "configuration, or no valid credentials\n";

static const char default_image[] = "docker.io/library/alpine:3";

enum { TIMEOUT_MS = 60 * 1000, TIMEOUT_LEAST_MS = 1000, TIMEOUT_MOST_MS = 3600 * 1000 };

struct options {
    const char *image, *config, *pod;
    uint64_t timeout_ms;
    bool json;
};

enum { GO_ON = -1 };

static int wrong_usage(const char *what, const char *reason)
{
    (void)fprintf(stderr, "pullthrough verify: %s%s\n%s", what, reason, usage);
    return EXIT_USAGE;
}

static int take_timeout(struct options *options)
{
    struct error error;

    if (config_duration_parse(slice_str(optarg), &options->timeout_ms, &error) < 0)
        return wrong_usage("--timeout: ", error.text);
    if (options->timeout_ms < TIMEOUT_LEAST_MS || options->timeout_ms > TIMEOUT_MOST_MS)
        return wrong_usage("--timeout", " wants 1s to 1h");
    return GO_ON;
}

static int read_options(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"config", required_argument, NULL, 'c'}, {"timeout", required_argument, NULL, 't'},
        {"pod", required_argument, NULL, 'p'},    {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    int option, status = GO_ON;

    opterr = 0;
    optind = 1;
    while (status == GO_ON && (option = getopt_long(argc, argv, ":o:", known, NULL)) != -1) {
        switch (option) {
        case 'c': options->config = optarg; break;
        case 'p': options->pod = optarg; break;
        case 't': status = take_timeout(options); break;
        case 'o':
            options->json = true;
            if (strcmp(optarg, "json") != 0)
                return wrong_usage("-o", " knows \"json\" only");
            break;
        case 'h': (void)printf("%s%s", usage, help); return EXIT_FINE;
        default:
            return wrong_usage(argv[optind - 1],
                               option == ':' ? ": an argument is missing" : ": unknown option");
        }
    }
    if (status == GO_ON && optind < argc)
        options->image = argv[optind++];
    if (status == GO_ON && optind < argc)
        return wrong_usage(argv[optind], ": one image at a time");
    if (status == GO_ON && options->pod && (options->image || options->config))
        return wrong_usage("--pod", " takes neither an image nor a configuration");
    return status;
}

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
    if (verify->report.unwritten) {
        (void)fputs("pullthrough verify: can't write all of the output\n", stderr);
        return EXIT_FAILED;
    }
    return verify->report.failed ? status : EXIT_FINE;
}

int command_verify(int argc, char **argv)
{
    struct options options = {.timeout_ms = TIMEOUT_MS};
    CONFIG_CLEANUP const struct config *config = NULL;
    struct verify verify = {0};
    int status = read_options(&options, argc, argv);

    if (status != GO_ON)
        return status;
    if (options.pod)
        return verify_pod(options.pod, options.timeout_ms, options.json);
    if (config_source_load(options.config, &config, &verify.error) < 0) {
        (void)fprintf(stderr, "pullthrough verify: %s\n", verify.error.text);
        return EXIT_FAILED;
    }
    verify.config = config;
    verify.text = options.image ? options.image : default_image;
    verify.timeout_ms = options.timeout_ms;
    if (verify_init(&verify, options.json) < 0) {
        (void)fprintf(stderr, "pullthrough verify: %s\n", verify.error.text);
        status = EXIT_FAILED;
    } else {
        status = walk(&verify);
    }
    verify_fini(&verify);
    return status;
}
