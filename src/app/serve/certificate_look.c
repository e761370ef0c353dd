/*
 * Requests, chance, the log and the metrics. What is to be done is decided by certificate_round;
 * here it is done, and told.
 */
#include "certificate_look.h"

#include "pullthrough/app/base/version.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/edge/kube/kube_client.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"

#include <stdlib.h>

enum { AGENT_MAX = 100, NAMESPACE_FILE_MAX = 254 /* what is too long is to be seen as such */ };

struct certificate_look {
    struct certificate_look_parts parts;
    const struct config *config;                 /* whose names `round` borrows */
    char namespace[CERTIFICATE_NAMESPACE_BYTES]; /* "": not known yet */
    bool has_round;
    struct certificate_round round;
    struct kube_client *client;
    int64_t loaded_s;
    struct error told, bundle_told;
    bool skew_told;
};

static int64_t wall_s(const struct certificate_look *look)
{
    return look->parts.timing.wall_s(look->parts.timing.context);
}

static bool is_stopped(const struct certificate_look *look)
{
    return look->parts.timing.stopped(look->parts.timing.context);
}

/* The API server's clock, as far as it is known: certificates are judged by it. */
static int64_t now_s(const struct certificate_look *look)
{
    return wall_s(look) + kube_client_skew_s(look->client);
}

static int make_client(struct certificate_look *look, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(AGENT_MAX);
    struct kube_client_config config = {.environment = environment_of_process(),
                                        .timing = look->parts.timing};

    if (look->client)
        return 0;
    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    config.user_agent = strbuf_str(&agent);
    return kube_client_new(&look->client, &config, error);
}

static int find_namespace(struct certificate_look *look, struct error *error)
{
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(NAMESPACE_FILE_MAX);

    if (look->namespace[0])
        return 0;
    if (kube_client_namespace(look->client, &name, error))
        return -1;
    if (kube_name_namespace(strbuf_slice(&name), error))
        return error_prefix(error, "the service account's namespace");
    memcpy(look->namespace, strbuf_str(&name), name.len + 1);
    return 0;
}

/* Everything that a look needs. */
static int prepare(struct certificate_look *look, struct error *error)
{
    if (make_client(look, error) || find_namespace(look, error))
        return -1;
    if (!look->has_round)
        certificate_round_init(&look->round, &(struct certificate_names){
                                                 look->config->tls.service_name, look->namespace});
    look->has_round = true;
    return 0;
}

static void log_written(const struct certificate_look *look, const char *message)
{
    log_event(LOG_LEVEL_INFO, message, LOG_TEXT("purpose", look->round.purpose));
}

static enum kube_outcome load_leaf(struct certificate_look *look, struct error *error)
{
    struct certificate_dates dates = certificate_set_leaf_dates(look->round.wanted);
    STRBUF_CLEANUP struct strbuf not_after = STRBUF_INIT(40);
    struct key_pair *pair;
    bool loaded = key_pair_of_set(&pair, look->round.wanted, error) == 0 &&
                  look->parts.load(look->parts.context, pair, error) == 0;

    if (look->loaded_s)
        metrics_certificate_reload(look->parts.metrics, loaded);
    if (!loaded)
        return KUBE_FAILED;
    look->loaded_s = wall_s(look);
    metrics_certificate_dates(look->parts.metrics, METRICS_LEAF, dates.not_before_s,
                              dates.not_after_s);
    timestamp_print_rfc3339(&not_after, dates.not_after_s);
    log_event(LOG_LEVEL_INFO, "certificate loaded",
              LOG_TEXT("secret", look->config->tls.secret_name),
              LOG_SLICE("notAfter", strbuf_slice(&not_after)));
    return KUBE_DONE;
}

/* Somebody added them, and may want to know that they are trusted by nobody. */
static void tell_foreign(const struct certificate_look *look)
{
    const struct certificate_set *known = look->round.known;

    if (known && certificate_set_foreign(known))
        log_event(LOG_LEVEL_WARN,
                  "the Secret's ca.crt holds CAs that sign nothing of ours; they are not published",
                  LOG_TEXT("secret", look->config->tls.secret_name),
                  LOG_NUMBER("count", certificate_set_foreign(known)));
}

static enum kube_outcome write_secret(struct certificate_look *look, bool create,
                                      struct error *error)
{
    const struct certificate_round *round = &look->round;
    enum kube_outcome outcome =
        create
            ? kube_client_create_secret(look->client, look->namespace,
                                        look->config->tls.secret_name, round->wanted, error)
            : kube_client_patch_secret(look->client, look->namespace, look->config->tls.secret_name,
                                       round->secret.version, round->wanted, error);

    if (outcome == KUBE_DONE) {
        metrics_certificate_write(look->parts.metrics, METRICS_SECRET);
        log_written(look, "certificates written to the Secret");
    }
    return outcome;
}

static enum kube_outcome write_bundle(struct certificate_look *look, struct error *error)
{
    enum kube_outcome outcome =
        kube_client_patch_webhooks(look->client, look->config->tls.webhook_name,
                                   &look->round.webhooks, look->round.wanted, error);

    if (outcome == KUBE_DONE) {
        metrics_certificate_write(look->parts.metrics, METRICS_BUNDLE);
        log_written(look, "caBundle written");
    }
    return outcome;
}

static enum kube_outcome carry_out(struct certificate_look *look, enum certificate_step step,
                                   struct error *error)
{
    switch (step) {
    case CERTIFICATE_READ_BUNDLE:
        return kube_client_get_webhooks(look->client, look->config->tls.webhook_name,
                                        &look->round.webhooks, error);
    case CERTIFICATE_READ_SECRET:
        return kube_client_get_secret(look->client, look->namespace, look->config->tls.secret_name,
                                      &look->round.secret, error);
    case CERTIFICATE_CREATE_SECRET: return write_secret(look, true, error);
    case CERTIFICATE_PATCH_SECRET: tell_foreign(look); return write_secret(look, false, error);
    case CERTIFICATE_PATCH_BUNDLE: return write_bundle(look, error);
    case CERTIFICATE_LOAD: return load_leaf(look, error);
    default: return KUBE_DONE;
    }
}

static void draw_serials(const struct certificate_look *look,
                         unsigned char serials[static 2 * CERTIFICATE_SERIAL_BYTES])
{
    for (size_t i = 0; i < (size_t)2 * CERTIFICATE_SERIAL_BYTES; i += sizeof(uint32_t)) {
        uint32_t bits = look->parts.timing.random(look->parts.timing.context);

        memcpy(serials + i, &bits, sizeof(bits));
    }
}

static void run_round(struct certificate_look *look)
{
    enum certificate_step step = certificate_round_begin(&look->round);

    while (step != CERTIFICATE_REST && !is_stopped(look)) {
        unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES];
        struct error error = {""};
        enum kube_outcome outcome = carry_out(look, step, &error);

        draw_serials(look, serials);
        step = certificate_round_tell(&look->round, outcome, &error, now_s(look), serials);
    }
}

static void fill_report(const struct certificate_look *look, const struct error *problem,
                        struct certificate_report *report)
{
    const struct certificate_set *known = look->has_round ? look->round.known : NULL;

    *report = (struct certificate_report){
        .looked_s = wall_s(look), .loaded_s = look->loaded_s, .problem = *problem};
    memcpy(report->namespace, look->namespace, sizeof(report->namespace));
    if (look->client)
        report->skew_s = kube_client_skew_s(look->client);
    if (!look->has_round)
        return;
    if (!*problem->text)
        report->problem = look->round.secret_problem;
    report->bundle_problem = look->round.bundle_problem;
    report->bundle_state = look->round.bundle_state;
    report->again = look->round.again;
    report->n_cas = known ? certificate_set_cas(known) : 0;
    for (size_t i = 0; i < report->n_cas; i++)
        report->cas[i] = certificate_set_ca_dates(known, i);
}

/* The validity of the CA that signed what is served. */
static void count(const struct certificate_look *look, const struct certificate_report *report)
{
    const struct certificate_set *loaded = look->has_round ? look->round.loaded : NULL;
    bool failed = *report->problem.text || *report->bundle_problem.text;

    metrics_certificate_problem(look->parts.metrics, failed);
    if (loaded) {
        const struct certificate_dates ca =
            certificate_set_ca_dates(loaded, certificate_set_leaf_ca(loaded));

        metrics_certificate_dates(look->parts.metrics, METRICS_CA, ca.not_before_s, ca.not_after_s);
    }
}

static void tell_problem(struct error *told, const struct error *problem, enum log_level level,
                         const char *message, const char *over)
{
    if (*problem->text && strcmp(problem->text, told->text) != 0)
        log_event(level, message, LOG_TEXT("problem", problem->text));
    else if (*told->text && !*problem->text)
        log_event(LOG_LEVEL_INFO, over, LOG_TEXT("problem", "none"));
    *told = *problem;
}

/* What is new, not what every look finds again. */
static void tell(struct certificate_look *look, const struct certificate_report *report)
{
    tell_problem(&look->told, &report->problem, LOG_LEVEL_ERROR,
                 look->loaded_s ? "the Secret of the certificates has a problem, what is loaded "
                                  "goes on"
                                : "no certificate yet",
                 "the Secret of the certificates is in order");
    tell_problem(&look->bundle_told, &report->bundle_problem, LOG_LEVEL_WARN,
                 "the caBundle of the webhooks is not looked after",
                 "the caBundle of the webhooks is looked after");
    if (report->skew_s && !look->skew_told)
        log_event(LOG_LEVEL_WARN, "the API server's clock is another one; certificates go by it",
                  LOG_SIGNED("aheadS", report->skew_s));
    look->skew_told = report->skew_s != 0;
}

struct certificate_look *certificate_look_new(const struct certificate_look_parts *parts)
{
    struct certificate_look *look = alloc_zeroed(1, sizeof(*look));

    look->parts = *parts;
    return look;
}

void certificate_look_forget(struct certificate_look *look)
{
    if (look->has_round)
        certificate_round_fini(&look->round);
    look->has_round = false;
}

void certificate_look_free(struct certificate_look *look)
{
    if (!look)
        return;
    certificate_look_forget(look);
    kube_client_free(look->client);
    config_unref(look->config);
    free(look);
}

static bool is_same(const struct config *a, const struct config *b)
{
    return a->tls.mode == b->tls.mode && strcmp(a->tls.secret_name, b->tls.secret_name) == 0 &&
           strcmp(a->tls.service_name, b->tls.service_name) == 0 &&
           strcmp(a->tls.webhook_name, b->tls.webhook_name) == 0;
}

void certificate_look_configure(struct certificate_look *look, const struct config *config)
{
    if (look->config && is_same(look->config, config))
        return; /* the old one, which says the same, is held on to */
    certificate_look_forget(look);
    config_unref(look->config);
    look->config = config_ref(config);
}

bool certificate_look_run(struct certificate_look *look, struct certificate_report *report)
{
    struct error problem = {""};

    if (prepare(look, &problem) == 0)
        run_round(look);
    if (is_stopped(look))
        return false;
    fill_report(look, &problem, report);
    count(look, report);
    tell(look, report);
    return true;
}
