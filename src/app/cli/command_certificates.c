/*
 * `pullthrough certificates`: what the chart's Jobs run where the webhook itself shall have no
 * right in the cluster. All decisions are certificate_renewal's; here the API server is asked, and
 * what was done is said. It needs a service account's files, and no configuration: at an
 * installation there is none yet.
 */
#include "pullthrough/app/base/version.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/certificate/certificate_renewal.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/edge/kube/kube_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: pullthrough certificates make --secret NAME --service NAME --webhooks NAME\n"
    "       pullthrough certificates publish --secret NAME --service NAME --webhooks NAME\n";

static const char help[] =
    "\n"
    "The webhook's certificates, made from outside of it, by a Job that has the rights for this\n"
    "only while it runs (docs/certificates.md). The pods have tls.mode: files, and no rights.\n"
    "\n"
    "  make     see that the Secret holds a CA and a certificate with more than half of their ten\n"
    "           years to live. New ones are told to the webhooks first, if there are any yet\n"
    "  publish  see that the webhooks' caBundle is what the Secret says\n"
    "\n"
    "      --secret NAME     the Secret, in the namespace that the program runs in\n"
    "      --service NAME    the Service that the certificate is for\n"
    "      --webhooks NAME   the MutatingWebhookConfiguration\n"
    "      --help            this text\n"
    "\n"
    "exit status:\n"
    "  0 done, or there was nothing to do; 1 something must be put right first, for example a\n"
    "  Secret that holds something else; 2 wrong usage; 3 the API server did not do it\n";

enum { GO_ON = -1, NAME_MAX_BYTES = 254 };

struct names {
    bool publish;
    const char *secret, *service, *webhooks;
};

struct renewing {
    const struct names *names;
    struct strbuf namespace;
    struct timing timing;
    struct kube_client *client;
    struct certificate_renewal renewal;
};

static int wrong_usage(const char *what, const char *reason)
{
    (void)fprintf(stderr, "pullthrough certificates: %s%s\n%s", what, reason, usage);
    return EXIT_USAGE;
}

static int judge_names(const struct names *names)
{
    struct error error = {""};

    if (!names->secret || !names->service || !names->webhooks)
        return wrong_usage("--secret, --service and --webhooks", " are needed");
    if (kube_name_object(slice_str(names->secret), &error))
        return wrong_usage("--secret: ", error.text);
    if (kube_name_service(slice_str(names->service), &error))
        return wrong_usage("--service: ", error.text);
    if (kube_name_object(slice_str(names->webhooks), &error))
        return wrong_usage("--webhooks: ", error.text);
    return GO_ON;
}

static int read_words(struct names *names, int argc, char **argv)
{
    if (optind == argc)
        return wrong_usage("make or publish?", "");
    names->publish = strcmp(argv[optind], "publish") == 0;
    if (!names->publish && strcmp(argv[optind], "make") != 0)
        return wrong_usage(argv[optind], ": unknown");
    if (++optind < argc)
        return wrong_usage(argv[optind], ": one too many");
    return judge_names(names);
}

static int read_options(struct names *names, int argc, char **argv)
{
    static const struct option known[] = {
        {"secret", required_argument, NULL, 's'},
        {"service", required_argument, NULL, 'v'},
        {"webhooks", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        switch (option) {
        case 's': names->secret = optarg; break;
        case 'v': names->service = optarg; break;
        case 'w': names->webhooks = optarg; break;
        case 'h':
            (void)printf("%s%s", usage, help);
            return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
        default:
            return wrong_usage(argv[optind - 1],
                               option == ':' ? ": an argument is missing" : ": unknown option");
        }
    }
    return read_words(names, argc, argv);
}

static enum kube_outcome carry_out(struct renewing *renewing, enum certificate_step step,
                                   struct error *error)
{
    const char *namespace = strbuf_str(&renewing->namespace);
    struct certificate_renewal *renewal = &renewing->renewal;
    struct kube_client *client = renewing->client;

    switch (step) {
    case CERTIFICATE_READ_BUNDLE:
        return kube_client_get_webhooks(client, renewing->names->webhooks, &renewal->webhooks,
                                        error);
    case CERTIFICATE_READ_SECRET:
        return kube_client_get_secret(client, namespace, renewing->names->secret, &renewal->secret,
                                      error);
    case CERTIFICATE_CREATE_SECRET:
        return kube_client_create_secret(client, namespace, renewing->names->secret,
                                         renewal->wanted, error);
    case CERTIFICATE_PATCH_SECRET:
        return kube_client_patch_secret(client, namespace, renewing->names->secret,
                                        renewal->secret.version, renewal->wanted, error);
    case CERTIFICATE_PATCH_BUNDLE:
        return kube_client_patch_webhooks(client, renewing->names->webhooks, &renewal->webhooks,
                                          renewal->wanted, error);
    default: return KUBE_DONE;
    }
}

static void say_written(const struct renewing *renewing, enum certificate_step step)
{
    if (step == CERTIFICATE_PATCH_BUNDLE)
        (void)printf("wrote caBundle of %s, %zu CAs: %s\n", renewing->names->webhooks,
                     certificate_set_cas(renewing->renewal.wanted), renewing->renewal.why);
    else if (step == CERTIFICATE_CREATE_SECRET || step == CERTIFICATE_PATCH_SECRET)
        (void)printf("wrote the Secret %s/%s: %s\n", strbuf_str(&renewing->namespace),
                     renewing->names->secret, renewing->renewal.why);
}

static void draw_serials(const struct timing *timing,
                         unsigned char serials[static 2 * CERTIFICATE_SERIAL_BYTES])
{
    for (size_t i = 0; i < (size_t)2 * CERTIFICATE_SERIAL_BYTES; i += sizeof(uint32_t)) {
        uint32_t bits = timing->random(timing->context);

        memcpy(serials + i, &bits, sizeof(bits));
    }
}

static void renew(struct renewing *renewing)
{
    const struct timing *timing = &renewing->timing;
    enum certificate_step step = certificate_renewal_begin(&renewing->renewal);

    while (step != CERTIFICATE_REST) {
        unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES];
        struct error error = {""};
        enum kube_outcome outcome = carry_out(renewing, step, &error);
        int64_t now_s = timing->wall_s(timing->context) + kube_client_skew_s(renewing->client);

        if (outcome == KUBE_DONE)
            say_written(renewing, step);
        draw_serials(timing, serials);
        step = certificate_renewal_tell(&renewing->renewal, outcome, &error, now_s, serials);
    }
}

static int report(const struct certificate_renewal *renewal)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(200);

    if (renewal->end != CERTIFICATE_RENEWAL_DONE) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "pullthrough certificates: %s\n", renewal->problem.text);
        return renewal->end == CERTIFICATE_RENEWAL_REFUSED ? EXIT_NEGATIVE : EXIT_FAILED;
    }
    strbuf_add_str(&text, "the certificate is good until ");
    timestamp_print_rfc3339(&text, certificate_set_leaf_dates(renewal->wanted).not_after_s);
    strbuf_add_str(&text, "; an upgrade after ");
    timestamp_print_rfc3339(&text, certificate_renewal_due_s(renewal->wanted));
    (void)printf("%s renews it\n", strbuf_str(&text));
    return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
}

static int prepare(struct renewing *renewing, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(100);
    struct kube_client_config config = {.environment = environment_of_process(),
                                        .timing = renewing->timing};

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    config.user_agent = strbuf_str(&agent);
    if (kube_client_new(&renewing->client, &config, error) ||
        kube_client_namespace(renewing->client, &renewing->namespace, error))
        return -1;
    if (kube_name_namespace(strbuf_slice(&renewing->namespace), error))
        return error_prefix(error, "the service account's namespace");
    return 0;
}

int command_certificates(int argc, char **argv)
{
    struct names names = {0};
    struct renewing renewing = {
        .names = &names, .namespace = STRBUF_INIT(NAME_MAX_BYTES), .timing = timing_of_process()};
    struct error error = {""};
    int status = read_options(&names, argc, argv);

    if (status != GO_ON)
        return status;
    log_setup(STDERR_FILENO, false);
    log_set_level(LOG_LEVEL_WARN);
    if (prepare(&renewing, &error)) {
        (void)fprintf(stderr, "pullthrough certificates: %s\n", error.text);
        status = EXIT_FAILED;
    } else {
        certificate_renewal_init(
            &renewing.renewal,
            &(struct certificate_names){names.service, strbuf_str(&renewing.namespace)},
            names.publish);
        renew(&renewing);
        status = report(&renewing.renewal);
        certificate_renewal_fini(&renewing.renewal);
    }
    kube_client_free(renewing.client);
    strbuf_fini(&renewing.namespace);
    return status;
}
