/*
 * One look a second at the files that a running server depends on, by their stamps through
 * every symbolic link: it works alike for a file that is edited, replaced, or mounted from a
 * ConfigMap or Secret, whose links kubelet swaps. Watching by inotify would have to follow
 * each of these links itself, and saves four stat() calls a second.
 *
 * A stamp is taken before its file is read: a change in between is seen at the next look. What
 * could not be read, for a reason that may pass, is tried again at each look.
 */
#include "upkeep.h"

#include "certificate_files.h"
#include "certificate_keeper.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cache/importer.h"
#include "pullthrough/app/fallback/fallback_keeper.h"
#include "pullthrough/app/reconcile/reconciler.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/worker.h"
#include "status_report.h"
#include "upstreams.h"

#include <stdlib.h>

enum {
    LOOK_EVERY_MS = 1000,
    STATUS_MAX = 1024 * 1024, /* bytes of the status text */
};

struct upkeep {
    struct upkeep_parts parts;
    const struct config *config;  /* in use */
    const struct config *started; /* what the program was started with */
    int64_t config_loaded_s;
    struct error config_problem; /* "" where there is none */
    bool config_unread;          /* and it may pass */
    struct certificate_files certificate;
    struct certificate_keeper *keeper;
    struct certificate_report kept; /* about `config` */
    struct upstreams upstreams;
    struct reconciler *reconciler;
    struct fallback_keeper *fallback;
    struct fallback_report turned; /* away from the cache */
    struct importer *importer;
    struct importer_report cached; /* what ECR holds */
    struct worker worker; /* an order is to read everything again; news from the others rouse it */
};

static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Before files are loaded: the keeper loads nothing for a configuration of the past. */
static void configure_keeper(struct upkeep *upkeep, const struct config *config)
{
    certificate_keeper_configure(upkeep->keeper, config);
    if (upkeep->config->tls.mode != config->tls.mode)
        upkeep->kept = (struct certificate_report){0};
}

static void warn_of_restart(void *context, const char *path)
{
    (void)context;
    log_event(LOG_LEVEL_WARN, "this key takes effect at the next start", LOG_TEXT("key", path));
}

static void use_config(struct upkeep *upkeep, const struct config *config)
{
    config_restart_keys(upkeep->started, config, warn_of_restart, NULL);
    upstreams_carry(&upkeep->upstreams, upkeep->config, config);
    configure_keeper(upkeep, config);
    config_unref(upkeep->config);
    upkeep->config = config_ref(config);
    reconciler_configure(upkeep->reconciler, config);
    upkeep->config_loaded_s = clock_wall_s();
    metrics_config_loaded(upkeep->parts.metrics, upkeep->config_loaded_s);
    log_set_level((enum log_level)config->log.level);
    log_event(LOG_LEVEL_INFO, "configuration loaded", LOG_TEXT("file", upkeep->parts.config_path));
}

/* Whether there is something to tell; `again`: only because the last try failed. */
static bool take_config(struct upkeep *upkeep, bool again)
{
    struct error error = {""};
    CONFIG_CLEANUP const struct config *config = NULL;
    int status = config_source_load_for_serve(upkeep->parts.config_path, &config, &error);

    upkeep->config_unread = status == FILE_UNREAD;
    if (again && upkeep->config_unread)
        return false;
    if (status < 0)
        log_event(LOG_LEVEL_ERROR, "configuration refused, the old one goes on",
                  LOG_TEXT("problem", error.text));
    else
        use_config(upkeep, config);
    metrics_config_reload(upkeep->parts.metrics, !*error.text);
    upkeep->config_problem = error;
    return true;
}

static bool look_at_config(struct upkeep *upkeep, bool forced)
{
    struct file_stamp stamp;
    bool changed;

    /* Standard input has been read to its end. */
    if (!upkeep->parts.config_path || is_same(upkeep->parts.config_path, "-")) {
        if (forced)
            reconciler_configure(upkeep->reconciler, upkeep->config);
        return false;
    }
    stamp = file_stamp_of(upkeep->parts.config_path);
    changed = forced || !file_stamp_equal(&stamp, &upkeep->parts.config_stamp);
    upkeep->parts.config_stamp = stamp;
    return (changed || upkeep->config_unread) && take_config(upkeep, !changed);
}

static void print_status(const struct upkeep *upkeep, const struct rule_set *rules,
                         const char *host_problem, struct strbuf *out)
{
    static const char *const modes[] = {[CONFIG_RECONCILE_MANAGE] = "manage",
                                        [CONFIG_RECONCILE_OBSERVE] = "observe",
                                        [CONFIG_RECONCILE_OFF] = "off"};
    struct certificate_dates dates = {0};
    struct status_report report = {
        .details = upkeep->config->status.details,
        .paths = {slice_str(upkeep->parts.config_path), slice_str(upkeep->config->tls.cert_file),
                  slice_str(upkeep->config->tls.key_file),
                  slice_str(upkeep->config->tls.client_ca_file),
                  slice_str(upkeep->config->aws.ca_file)},
        .configuration = {upkeep->parts.config_path, upkeep->config_loaded_s,
                          upkeep->config_problem.text},
        .configuration_hash = slice_str(upkeep->config->hash),
        .certificate = {upkeep->config->tls.cert_file, upkeep->certificate.loaded_s,
                        upkeep->certificate.problem.text},
        .secret_name = upkeep->config->tls.secret_name,
        .webhook_name = upkeep->config->tls.webhook_name,
        .rules = rules,
        .statuses = upkeep->upstreams.statuses,
        .host_problem = host_problem,
        .mode = modes[upkeep->config->reconcile.mode],
        .reconcile = &upkeep->upstreams.report,
        .fallback = &upkeep->turned,
        .cached = &upkeep->cached,
    };

    if (upkeep->config->tls.mode == CONFIG_TLS_SELF) {
        report.kept = &upkeep->kept;
        report.certificate.loaded_s = upkeep->kept.loaded_s;
        report.certificate.problem = upkeep->kept.problem.text;
    }
    if (tls_loaded(upkeep->parts.tls, &dates)) {
        report.not_before_s = dates.not_before_s;
        report.not_after_s = dates.not_after_s;
    }
    status_report_print(&report, out);
}

static enum snapshot_awaits what_is_awaited(const struct upkeep *upkeep)
{
    const bool passes = upstreams_wait(&upkeep->upstreams);

    if (config_is_cached(upkeep->config) &&
        (passes || importer_is_awaited(upkeep->importer, &upkeep->cached)))
        return SNAPSHOT_AWAITS_LISTING;
    return passes ? SNAPSHOT_AWAITS_PASS : SNAPSHOT_AWAITS_NOTHING;
}

static void publish(struct upkeep *upkeep)
{
    STRBUF_CLEANUP struct strbuf status = STRBUF_INIT(STATUS_MAX);
    struct error host_problem;
    struct rule_set *rules = upstreams_settle(&upkeep->upstreams, upkeep->config,
                                              upkeep->parts.metrics, clock_wall_s(), &host_problem);

    fallback_keeper_configure(upkeep->fallback, upkeep->config, rule_set_host(rules));
    importer_configure(upkeep->importer, upkeep->config, rule_set_host(rules));
    print_status(upkeep, rules, host_problem.text, &status);
    snapshots_publish(upkeep->parts.snapshots,
                      snapshot_new(rules, fallback_table_ref(upkeep->turned.table),
                                   importer_set(upkeep->importer), upkeep->parts.metrics, &status,
                                   what_is_awaited(upkeep)));
}

/* Whether there was a report. */
static bool take_report(struct upkeep *upkeep)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};

    if (!reconciler_take(upkeep->reconciler, &report))
        return false;
    upstreams_take(&upkeep->upstreams, upkeep->config, &report);
    return true;
}

/* After its report is published, so that who sees the count sees what the pass found. */
static void count_pass(const struct upkeep *upkeep)
{
    static const enum metrics_pass outcomes[RECONCILE_OUTCOME_COUNT] = {
        [RECONCILE_COMPLETE] = METRICS_PASS_COMPLETE,
        [RECONCILE_INCOMPLETE] = METRICS_PASS_INCOMPLETE,
        [RECONCILE_FAILED] = METRICS_PASS_FAILED,
    };
    const struct reconcile_report *report = &upkeep->upstreams.report;

    metrics_reconcile_pass(upkeep->parts.metrics, outcomes[report->outcome], report->ended_s);
}

/* After it, too. */
static void count_look(const struct upkeep *upkeep)
{
    metrics_certificate_look(upkeep->parts.metrics,
                             !*upkeep->kept.problem.text && !*upkeep->kept.bundle_problem.text);
}

/* From any of the other threads. */
static void on_report(void *context)
{
    struct upkeep *upkeep = context;

    worker_rouse(&upkeep->worker);
}

/* From the thread that hears of it. */
static void on_absent(void *context, struct slice image)
{
    struct upkeep *upkeep = context;
    const struct rewrite_name name = rewrite_name_of(image);

    importer_pull_failed(upkeep->importer, name.repository, name.tag, name.digest);
}

/* Wait for the next look; whether everything is to be read again is in *forced. False: stop. */
static bool wait_for_look(struct upkeep *upkeep, bool *forced)
{
    (void)worker_wait(&upkeep->worker, LOOK_EVERY_MS);
    worker_lock(&upkeep->worker);
    *forced = worker_take(&upkeep->worker);
    worker_unlock(&upkeep->worker);
    return !worker_is_stopping(&upkeep->worker);
}

static void *run(void *context)
{
    struct upkeep *upkeep = context;
    bool forced;

    while (wait_for_look(upkeep, &forced)) {
        bool changed = look_at_config(upkeep, forced), passed, kept, turned, cached;

        /* After the configuration, which may name other files. */
        changed |= certificate_files_look(&upkeep->certificate, upkeep->config, forced);
        passed = take_report(upkeep);
        kept = certificate_keeper_take(upkeep->keeper, &upkeep->kept);
        turned = fallback_keeper_take(upkeep->fallback, &upkeep->turned);
        cached = importer_take(upkeep->importer, &upkeep->cached);
        if (changed || passed || kept || turned || cached)
            publish(upkeep);
        if (passed)
            count_pass(upkeep);
        if (kept)
            count_look(upkeep);
        if (forced)
            certificate_keeper_look(upkeep->keeper);
    }
    return NULL;
}

struct upkeep *upkeep_new(const struct upkeep_parts *parts, const struct config *config)
{
    struct upkeep *upkeep = alloc_zeroed(1, sizeof(*upkeep));

    upkeep->parts = *parts;
    upkeep->config = config_ref(config);
    upkeep->started = config_ref(config);
    upkeep->config_loaded_s = clock_wall_s();
    metrics_config_loaded(parts->metrics, upkeep->config_loaded_s);
    upkeep->certificate.tls = parts->tls;
    upkeep->certificate.metrics = parts->metrics;
    worker_init(&upkeep->worker);
    upkeep->reconciler = reconciler_new(parts->metrics, on_report, upkeep);
    reconciler_configure(upkeep->reconciler, config);
    upkeep->keeper = certificate_keeper_new(parts->tls, parts->metrics, on_report, upkeep);
    upkeep->importer = importer_new(parts->wishes, parts->metrics, on_report, upkeep);
    upkeep->fallback = fallback_keeper_new(parts->metrics, on_report, on_absent, upkeep);
    configure_keeper(upkeep, config);
    (void)certificate_files_look(&upkeep->certificate, config, true);
    publish(upkeep);
    return upkeep;
}

int upkeep_start(struct upkeep *upkeep, struct error *error)
{
    if (worker_start(&upkeep->worker, run, upkeep, "upkeep", error) ||
        reconciler_start(upkeep->reconciler, error) ||
        fallback_keeper_start(upkeep->fallback, error) || importer_start(upkeep->importer, error))
        return -1;
    return certificate_keeper_start(upkeep->keeper, error);
}

void upkeep_reload(struct upkeep *upkeep)
{
    worker_lock(&upkeep->worker);
    worker_renew(&upkeep->worker);
    worker_unlock(&upkeep->worker);
}

void upkeep_free(struct upkeep *upkeep)
{
    if (!upkeep)
        return;
    worker_stop(&upkeep->worker);
    reconciler_free(upkeep->reconciler); /* until then it may call on_report() */
    certificate_keeper_free(upkeep->keeper);
    fallback_keeper_free(upkeep->fallback);
    importer_free(upkeep->importer); /* the one before tells it of failed pulls */
    fallback_report_fini(&upkeep->turned);
    importer_report_fini(&upkeep->cached);
    worker_fini(&upkeep->worker);
    upstreams_fini(&upkeep->upstreams);
    config_unref(upkeep->started);
    config_unref(upkeep->config);
    free(upkeep);
}
