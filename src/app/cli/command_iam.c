/*
 * `pullthrough iam`: the policies that a user would otherwise write by trial and error.
 *
 * Account and region are the user's own; AWS is asked for them only where neither options nor
 * configuration nor environment say. Only the overview prints something that is left to fill in,
 * in capitals.
 */
#include "command_config.h"
#include "progress.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/core/iam/iam_policy.h"
#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/ecr_host.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PRINCIPAL,
    POD_IDENTITY,
    IRSA,
    NAMESPACE,
    SERVICE_ACCOUNT,
    CONFIG,
    PROFILE,
    ACCOUNT,
    REGION,
    OUTPUT,
};

/* The verbs, in their order; all of them without one. */
enum iam_which { IAM_WEBHOOK, IAM_NODES, IAM_REGISTRY, IAM_TRUST, IAM_VERIFY, IAM_ALL };

static int check_issuer(struct slice text, struct error *error)
{
    char issuer[IAM_ISSUER_BYTES];

    return iam_policy_issuer(issuer, text, error);
}

static const struct command_option option_table[] = {
    [PRINCIPAL] = {.name = "principal",
                   .argument = "ARN",
                   .check = iam_policy_check_principal,
                   .verbs = 1 << IAM_REGISTRY,
                   .help = "a role that pulls, or an account's 12 digits; may be repeated"},
    [POD_IDENTITY] = {.name = "pod-identity",
                      .verbs = 1 << IAM_TRUST,
                      .help = "trust for EKS Pod Identity"},
    [IRSA] = {.name = "irsa",
              .argument = "ISSUER",
              .check = check_issuer,
              .verbs = 1 << IAM_TRUST,
              .help = "trust for the cluster's OpenID Connect issuer, a URL"},
    [NAMESPACE] = {.name = "namespace",
                   .argument = "NAME",
                   .check = kube_name_namespace,
                   .help = "of the webhook; default pullthrough"},
    [SERVICE_ACCOUNT] = {.name = "service-account",
                         .argument = "NAME",
                         .check = kube_name_object,
                         .help = "of the webhook; default pullthrough"},
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
    [OUTPUT] = {.name = "output",
                .letter = 'o',
                .argument = "FORMAT",
                .choices = "json yaml",
                .help = "json or yaml: the overview as one document; a policy alone as YAML"},
};

static const struct command_verb verbs[] = {
    [IAM_WEBHOOK] = {.name = "webhook",
                     .help =
                         "what the role of `pullthrough serve` and `rules apply` needs, no more"},
    [IAM_NODES] = {.name = "nodes",
                   .help = "what the nodes, or whoever pulls, need on top of what they have"},
    [IAM_REGISTRY] = {.name = "registry",
                      .help = "the registry's policy, in place of two permissions of who imports"},
    [IAM_TRUST] = {.name = "trust",
                   .help = "who may take the webhook's role: pods of its service account"},
    [IAM_VERIFY] = {.name = "verify",
                    .help = "what who runs `pullthrough verify`, `warm` and `images` needs"},
};

struct iam_options {
    enum iam_which which;
    const char *profile;     /* or NULL */
    const char **principals; /* owned; the texts are borrowed */
    size_t n_principals;
    bool pod_identity, json;
    char issuer[IAM_ISSUER_BYTES]; /* "" for none */
    struct iam_subject subject;
};

static void iam_options_fini(struct iam_options *options)
{
    free(options->principals);
}

static void read_options(struct iam_options *options, const struct command_line *line)
{
    const char *issuer = command_line_option(line, IRSA);
    const char *name_space = command_line_option(line, NAMESPACE);
    const char *account = command_line_option(line, SERVICE_ACCOUNT);
    struct error error;

    *options = (struct iam_options){
        .which = line->verb == COMMAND_NO_VERB ? IAM_ALL : (enum iam_which)line->verb,
        .profile = command_line_option(line, PROFILE),
        .pod_identity = command_line_option(line, POD_IDENTITY) != NULL,
        .json = command_output_of(line, OUTPUT) != OUTPUT_TEXT,
        .subject = {name_space ? name_space : "pullthrough", account ? account : "pullthrough"},
    };
    /* one more, that fill_in() puts there where there is none */
    options->principals = alloc_zeroed(line->n_given + 1, sizeof(*options->principals));
    options->n_principals = command_line_options(line, PRINCIPAL, options->principals);
    if (issuer)
        (void)iam_policy_issuer(options->issuer, slice_str(issuer), &error);
}

/* NULL, or what is wrong with them together. */
static const char *judge_options(const struct iam_options *options)
{
    if (options->which == IAM_REGISTRY && !options->n_principals)
        return "whose pulls? name the nodes' role with --principal";
    if (options->which == IAM_TRUST && !*options->issuer && !options->pod_identity)
        return "how do pods get the role? --pod-identity, or --irsa with the cluster's issuer";
    if (options->which == IAM_TRUST && *options->issuer && options->pod_identity)
        return "--pod-identity and --irsa are two policies: print one at a time";
    return NULL;
}

struct found_place {
    char account[AWS_KEYS_ACCOUNT_BYTES], region[26];
};

/* Only for what nobody else says. */
static int ask_aws(struct found_place *found, const struct config *config, const char *profile,
                   struct error *error)
{
    AWS_CLIENT_CLEANUP struct aws_client *client = NULL;
    PROGRESS_CLEANUP struct progress progress = {0};
    const struct timing timing = progress_timing(&progress);
    const char *region;

    progress_init(&progress, "iam");
    if (aws_access_for_command(&client, config, profile, &timing, error) < 0)
        return -1;
    progress_begin(&progress, "asking AWS for account and region");
    if (!*found->region) {
        if (aws_client_region(client, &region, error) < 0)
            return error_prefix(error, "the region is not known (use --region)");
        (void)snprintf(found->region, sizeof(found->region), "%s", region);
    }
    if (!*found->account && aws_access_own_account(found->account, client, error) < 0)
        return error_prefix(error, "the account is not known (use --account)");
    return 0;
}

static int find_place(struct found_place *found, const struct config *config, const char *profile,
                      struct error *error)
{
    struct slice region = slice_str(config->registry.region);

    if (!region.len)
        region = config_source_environment().region;
    if (region.len && !ecr_host_is_region(region))
        return error_set(error, "AWS_REGION is not an AWS region");
    (void)snprintf(found->region, sizeof(found->region), "%.*s", SLICE_FMT(region));
    if (aws_access_named_account(found->account, config, error) < 0)
        return -1;
    return *found->region && *found->account ? 0 : ask_aws(found, config, profile, error);
}

struct request {
    const struct iam_options *options;
    const struct config *config;
    const struct iam_place *place;
};

static const char no_upstream[] = "no upstream is enabled in the configuration";

static bool has_upstream(const struct config *config)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (config->upstreams[i].enabled)
            return true;
    return false;
}

/* Append the one policy. EXIT_FINE; or EXIT_NEGATIVE with the reason why there is none. */
static int add_policy(const struct request *request, enum iam_which which, struct strbuf *out,
                      struct error *error)
{
    const struct iam_options *options = request->options;

    if (which != IAM_TRUST && !has_upstream(request->config)) {
        (void)error_set(error, "%s", no_upstream);
        return EXIT_NEGATIVE;
    }
    switch (which) {
    case IAM_ALL: break;
    case IAM_WEBHOOK:
        if (iam_policy_webhook(out, request->config, request->place) == 0)
            break;
        (void)error_set(error, "reconcile.mode is off: the program needs no permission");
        return EXIT_NEGATIVE;
    case IAM_NODES: iam_policy_nodes(out, request->config, request->place); break;
    case IAM_VERIFY: iam_policy_verify(out, request->config, request->place); break;
    case IAM_REGISTRY:
        iam_policy_registry(out, request->config, request->place, options->principals,
                            options->n_principals);
        break;
    case IAM_TRUST:
        if (*options->issuer)
            iam_policy_trust_irsa(out, request->place, options->issuer, &options->subject);
        else
            iam_policy_trust_pod_identity(out, &options->subject);
        break;
    }
    return EXIT_FINE;
}

/* The parts of the overview, and what stands over each. */
static const struct part {
    enum iam_which which;
    bool irsa;
    const char *member, *command, *says;
} parts[] = {
    {IAM_WEBHOOK, false, "webhook", "webhook", "The webhook's role: what the program itself does."},
    {IAM_TRUST, false, "trustPodIdentity", "trust --pod-identity",
     "Trust policy of that role, with EKS Pod Identity."},
    {IAM_TRUST, true, "trustIrsa", "trust --irsa ISSUER",
     "Trust policy of that role, with the cluster's OpenID Connect provider instead (IRSA)."},
    {IAM_NODES, false, "nodes", "nodes", "The nodes' role, or whoever pulls."},
    {IAM_REGISTRY, false, "registry", "registry --principal ARN",
     "The registry's policy: instead of the last two permissions of the role that imports."},
    {IAM_VERIFY, false, "verify", "verify", "Who runs `pullthrough verify`."},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

/* What only the user knows stands in capitals. */
static void fill_in(struct iam_options *options, char *role, size_t role_bytes,
                    const struct request *request)
{
    const struct iam_place *place = request->place;
    const bool nodes_import = request->config->rewrite.when != CONFIG_WHEN_CACHED;

    if (!options->n_principals) {
        (void)snprintf(role, role_bytes, "arn:%s:iam::%s:role/%s-ROLE", place->partition,
                       place->account, nodes_import ? "NODE" : "WEBHOOK");
        options->principals[options->n_principals++] = role;
    }
    if (!*options->issuer)
        (void)snprintf(options->issuer, sizeof(options->issuer), "oidc.eks.%s.%s/id/CLUSTER-ID",
                       place->region, aws_partition_of(slice_str(place->region))->suffix);
}

static void add_part(const struct request *request, const struct part *part, bool first,
                     struct strbuf *out)
{
    struct iam_options options = *request->options;
    struct request asked = *request;
    struct error reason;
    int status;

    if (!part->irsa)
        options.issuer[0] = '\0';
    asked.options = &options;
    if (options.json)
        strbuf_add_format(out, "%s\"%s\": ", first ? "{" : ",\n", part->member);
    else
        strbuf_add_format(out, "# %s\n# pullthrough iam %s\n", part->says, part->command);
    status = add_policy(&asked, part->which, out, &reason);
    if (status != EXIT_FINE && options.json)
        strbuf_add_str(out, "null");
    else if (status != EXIT_FINE)
        strbuf_add_format(out, "\n# None: %s.\n\n", reason.text);
    else if (!options.json)
        strbuf_add_char(out, '\n');
}

static void add_overview(const struct request *request, struct strbuf *out)
{
    struct iam_options options = *request->options;
    struct request filled = *request;
    bool open = !options.n_principals || !*options.issuer;
    char role[128];

    fill_in(&options, role, sizeof(role), request);
    filled.options = &options;
    if (!options.json)
        strbuf_add_format(out,
                          "# Policies for account %s in %s.%s\n"
                          "# Each one alone, as JSON: by the second line over it.\n\n",
                          request->place->account, request->place->region,
                          open ? " What stands in capitals is yours to fill in." : "");
    for (size_t i = 0; i < PARTS; i++)
        add_part(&filled, &parts[i], i == 0, out);
    if (options.json)
        strbuf_add_str(out, "}\n");
}

static int answer(const struct iam_options *options, const struct config *config,
                  struct strbuf *out, struct error *error)
{
    struct found_place found = {"", ""};
    struct iam_place place = {.account = found.account, .region = found.region};

    /* nothing of the account is in it */
    if ((options->which != IAM_TRUST || !options->pod_identity) &&
        find_place(&found, config, options->profile, error) < 0)
        return EXIT_FAILED;
    place.partition = aws_partition_of(slice_str(found.region))->name;
    if (options->which != IAM_ALL)
        return add_policy(&(struct request){options, config, &place}, options->which, out, error);
    add_overview(&(struct request){options, config, &place}, out);
    return EXIT_FINE;
}

static int run(const struct command_line *line)
{
    __attribute__((cleanup(iam_options_fini))) struct iam_options options = {0};
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(8 * IAM_POLICY_MAX);
    CONFIG_CLEANUP const struct config *loaded = NULL;
    struct config config;
    struct error error = {""};
    const char *wrong;
    int status = EXIT_FAILED;

    read_options(&options, line);
    wrong = judge_options(&options);
    if (wrong)
        return command_misused(line->command, wrong);
    if (command_config_load(line, &loaded, &config, &error) == 0)
        status = answer(&options, &config, &out, &error);
    return status == EXIT_FINE
               ? command_print_document(line->command, &out, command_output_of(line, OUTPUT))
               : command_fail(line->command, status, error.text);
}

const struct command command_iam = {
    .name = "iam",
    .summary = "print the IAM policies that it takes",
    .usage = "[OPTION...]\n"
             "webhook | nodes | verify [OPTION...]\n"
             "registry --principal ARN... [OPTION...]\n"
             "trust --pod-identity | --irsa ISSUER [OPTION...]",
    .about = "Print IAM policies (JSON) for the configuration, with account, region and prefixes "
             "filled in: the one that is named, or all of them, with headings.",
    .notes = "What is not given is taken from the configuration, the environment, or AWS itself.",
    .examples = "pullthrough iam nodes --account 111122223333 --region eu-central-1",
    .exits = {"printed", "no such policy is needed", [EXIT_FAILED] = "could not do it"},
    COMMAND_VERBS(verbs),
    .verb_is_optional = true,
    COMMAND_OPTIONS(option_table),
    .run = run,
};
