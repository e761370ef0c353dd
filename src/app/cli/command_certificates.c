/*
 * `pullthrough certificates`: what the chart's Jobs run where the webhook itself shall have no
 * right in the cluster. All decisions are certificate_renewal's; here the API server is asked, and
 * what was done is said. It needs a service account's files, and no configuration: at an
 * installation there is none yet.
 */
#include "command_line.h"
#include "pullthrough/app/base/version.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/certificate/certificate_renewal.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/edge/kube/kube_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdio.h>
#include <unistd.h>

enum { SECRET, SERVICE, WEBHOOKS };
enum { MAKE, PUBLISH };

static const struct command_option options[] = {
    [SECRET] = {.name = "secret",
                .argument = "NAME",
                .needed = true,
                .check = kube_name_object,
                .help = "the Secret, in the namespace that the program runs in"},
    [SERVICE] = {.name = "service",
                 .argument = "NAME",
                 .needed = true,
                 .check = kube_name_service,
                 .help = "the Service that the certificate is for"},
    [WEBHOOKS] = {.name = "webhooks",
                  .argument = "NAME",
                  .needed = true,
                  .check = kube_name_object,
                  .help = "the MutatingWebhookConfiguration"},
};

static const struct command_verb verbs[] = {
    [MAKE] =
        {.name = "make",
         .help =
             "see that the Secret holds a CA and a certificate with more than half of their ten "
             "years to live. New ones are told to the webhooks first, if there are any yet"},
    [PUBLISH] = {.name = "publish",
                 .help = "see that the webhooks' caBundle is what the Secret says"},
};

enum { NAME_MAX_BYTES = 254 };

struct names {
    const char *secret, *service, *webhooks;
};

struct renewing {
    const struct names *names;
    struct strbuf namespace;
    struct timing timing;
    struct kube_client *client;
    struct certificate_renewal renewal;
};

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

    if (renewal->end != CERTIFICATE_RENEWAL_DONE)
        return command_fail(&command_certificates,
                            renewal->end == CERTIFICATE_RENEWAL_REFUSED ? EXIT_NEGATIVE
                                                                        : EXIT_FAILED,
                            renewal->problem.text);
    strbuf_add_str(&text, "the certificate is good until ");
    timestamp_print_rfc3339(&text, certificate_set_leaf_dates(renewal->wanted).not_after_s);
    strbuf_add_str(&text, "; an upgrade after ");
    timestamp_print_rfc3339(&text, certificate_renewal_due_s(renewal->wanted));
    strbuf_add_str(&text, " renews it\n");
    return command_print(&command_certificates, &text);
}

static int prepare(struct renewing *renewing, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(100);
    struct kube_client_config config = {.environment = environment_of_process(),
                                        .timing = renewing->timing};

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    config.user_agent = strbuf_str(&agent);
    if (kube_client_new(&renewing->client, &config, error) ||
        kube_client_namespace(renewing->client, &renewing->namespace, error)) {
        struct error reason = *error;

        return error_set(error, "%s; a Job of the chart runs this", reason.text);
    }
    if (kube_name_namespace(strbuf_slice(&renewing->namespace), error))
        return error_prefix(error, "the service account's namespace");
    return 0;
}

static int run(const struct command_line *line)
{
    const struct names names = {.secret = command_line_option(line, SECRET),
                                .service = command_line_option(line, SERVICE),
                                .webhooks = command_line_option(line, WEBHOOKS)};
    struct renewing renewing = {
        .names = &names, .namespace = STRBUF_INIT(NAME_MAX_BYTES), .timing = timing_of_process()};
    struct error error = {""};
    int status;

    log_setup(STDERR_FILENO, false);
    log_set_level(LOG_LEVEL_WARN);
    if (prepare(&renewing, &error)) {
        status = command_fail(line->command, EXIT_FAILED, error.text);
    } else {
        certificate_renewal_init(
            &renewing.renewal,
            &(struct certificate_names){names.service, strbuf_str(&renewing.namespace)},
            line->verb == PUBLISH);
        renew(&renewing);
        status = report(&renewing.renewal);
        certificate_renewal_fini(&renewing.renewal);
    }
    kube_client_free(renewing.client);
    strbuf_fini(&renewing.namespace);
    return status;
}

const struct command command_certificates = {
    .name = "certificates",
    .summary = "make or publish the webhook's certificates, for a Job of the chart",
    .usage = "make --secret NAME --service NAME --webhooks NAME\n"
             "publish --secret NAME --service NAME --webhooks NAME",
    .about = "The webhook's certificates, made from outside of it, by a Job that has the rights "
             "for this only while it runs (docs/certificates.md). The pods have tls.mode: files, "
             "and no rights.",
    .exits = {"done, or there was nothing to do",
              "something must be put right first, for example a Secret that holds something else",
              [EXIT_FAILED] = "the API server did not do it"},
    COMMAND_VERBS(verbs),
    COMMAND_OPTIONS(options),
    .run = run,
};
