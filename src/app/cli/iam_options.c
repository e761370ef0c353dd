/*
 * What is asked for is checked whole before anybody is asked anything: a policy with a wrong name
 * in it would be valid, and lock somebody out or in.
 */
#include "iam_options.h"

#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/core/image/ecr_host.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: pullthrough iam [OPTION...]\n"
    "       pullthrough iam webhook | nodes | verify [OPTION...]\n"
    "       pullthrough iam registry --principal ARN... [OPTION...]\n"
    "       pullthrough iam trust --pod-identity | --irsa ISSUER [OPTION...]\n";

static const char help[] =
    "\n"
    "Print IAM policies (JSON) for the configuration, with account, region and prefixes filled "
    "in.\n"
    "\n"
    "  webhook   what the role of `pullthrough serve` and `rules apply` needs, no more\n"
    "  nodes     what the nodes, or whoever pulls, need on top of what they have\n"
    "  registry  the registry's policy, in place of two of the nodes' permissions\n"
    "  trust     who may take the webhook's role: pods of its service account\n"
    "  verify    what who runs `pullthrough verify` needs\n"
    "            without any of these: all of them, with headings\n"
    "\n"
    "      --principal ARN       a role that pulls, or an account's 12 digits; may be repeated\n"
    "      --pod-identity        trust for EKS Pod Identity\n"
    "      --irsa ISSUER         trust for the cluster's OpenID Connect issuer, a URL\n"
    "      --namespace NAME      of the webhook; default pullthrough\n"
    "      --service-account NAME  of the webhook; default pullthrough\n"
    "      --config FILE         the configuration; without it the defaults hold\n"
    "      --account ID          the AWS account, over the configuration's\n"
    "      --region R            the AWS region, over the configuration's\n"
    "  -o, --output json         the overview as one JSON document\n"
    "      --help                this text\n"
    "\n"
    "What is not given is taken from the configuration, the environment, or AWS itself.\n"
    "\n"
    "exit status: 0 printed, 1 no such policy is needed, 2 wrong usage, 3 could not do it\n";

void iam_options_fini(struct iam_options *options)
{
    free(options->principals);
}

static int wrong_usage(const char *reason)
{
    (void)fprintf(stderr, "pullthrough iam: %s\n%s", reason, usage);
    return EXIT_USAGE;
}

/* A value that was checked, with the reason why it is wrong. */
static int wrong_value(const char *option, const struct error *error)
{
    (void)fprintf(stderr, "pullthrough iam: %s: %s\n", option, error->text);
    return EXIT_USAGE;
}

static int take_option(struct iam_options *options, int option, char *const *argv)
{
    struct error error;

    switch (option) {
    case 'p':
        if (iam_policy_check_principal(slice_str(optarg), &error) < 0)
            return wrong_value("--principal", &error);
        options->principals[options->n_principals++] = optarg;
        return 0;
    case 'd': options->pod_identity = true; return 0;
    case 'i':
        return iam_policy_issuer(options->issuer, slice_str(optarg), &error) < 0
                   ? wrong_value("--irsa", &error)
                   : 0;
    case 'n':
        options->subject.name_space = optarg;
        return kube_name_namespace(slice_str(optarg), &error) < 0
                   ? wrong_value("--namespace", &error)
                   : 0;
    case 's':
        options->subject.service_account = optarg;
        return kube_name_object(slice_str(optarg), &error) < 0
                   ? wrong_value("--service-account", &error)
                   : 0;
    case 'c': options->config = optarg; return 0;
    case 'a': options->account = optarg; return 0;
    case 'r': options->region = optarg; return 0;
    case 'o':
        if (strcmp(optarg, "json") != 0)
            return wrong_usage("-o knows \"json\" only");
        options->json = true;
        return 0;
    default:
        (void)fprintf(stderr, "pullthrough iam: %s: %s\n%s", argv[optind - 1],
                      option == ':' ? "an argument is missing" : "unknown option", usage);
        return EXIT_USAGE;
    }
}

static int check_options(const struct iam_options *options)
{
    bool trusts = *options->issuer || options->pod_identity;

    if (options->account && !ecr_host_is_account(slice_str(options->account)))
        return wrong_usage("--account wants the 12 digits of an AWS account");
    if (options->region && !ecr_host_is_region(slice_str(options->region)))
        return wrong_usage("--region wants an AWS region, such as eu-central-1");
    if (options->which == IAM_REGISTRY && !options->n_principals)
        return wrong_usage("whose pulls? name the nodes' role with --principal");
    if (options->which == IAM_TRUST && !trusts)
        return wrong_usage("how do pods get the role? --pod-identity, or --irsa with the "
                           "cluster's issuer");
    if (options->which == IAM_TRUST && *options->issuer && options->pod_identity)
        return wrong_usage("--pod-identity and --irsa are two policies: print one at a time");
    if (options->n_principals && options->which != IAM_REGISTRY && options->which != IAM_ALL)
        return wrong_usage("--principal is for the registry's policy");
    if (trusts && options->which != IAM_TRUST && options->which != IAM_ALL)
        return wrong_usage("--pod-identity and --irsa are for the trust policy");
    return 0;
}

static int find_which(struct iam_options *options, int argc, char **argv)
{
    static const char *const words[] = {
        [IAM_WEBHOOK] = "webhook",   [IAM_NODES] = "nodes", [IAM_VERIFY] = "verify",
        [IAM_REGISTRY] = "registry", [IAM_TRUST] = "trust",
    };

    if (optind == argc)
        return 0;
    for (size_t i = IAM_WEBHOOK; i <= IAM_TRUST; i++)
        if (strcmp(argv[optind], words[i]) == 0)
            options->which = (enum iam_which)i;
    if (options->which == IAM_ALL || optind + 1 < argc) {
        (void)fprintf(stderr, "pullthrough iam: no policy \"%s\"\n%s",
                      argv[options->which == IAM_ALL ? optind : optind + 1], usage);
        return EXIT_USAGE;
    }
    return 0;
}

static int print_help(void)
{
    (void)printf("%s%s", usage, help);
    return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
}

int iam_options_read(struct iam_options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"principal", required_argument, NULL, 'p'},
        {"pod-identity", no_argument, NULL, 'd'},
        {"irsa", required_argument, NULL, 'i'},
        {"namespace", required_argument, NULL, 'n'},
        {"service-account", required_argument, NULL, 's'},
        {"config", required_argument, NULL, 'c'},
        {"account", required_argument, NULL, 'a'},
        {"region", required_argument, NULL, 'r'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option, r = 0;

    *options = (struct iam_options){.subject = {"pullthrough", "pullthrough"}};
    options->principals = calloc((size_t)argc, sizeof(*options->principals));
    if (!options->principals)
        abort();
    opterr = 0;
    optind = 1;
    while (r == 0 && (option = getopt_long(argc, argv, ":o:", known, NULL)) != -1) {
        if (option == 'h')
            return print_help();
        r = take_option(options, option, argv);
    }
    if (r == 0)
        r = find_which(options, argc, argv);
    if (r == 0)
        r = check_options(options);
    return r ? r : IAM_OPTIONS_GO_ON;
}
