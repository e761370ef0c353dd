/*
 * The plan and the set's writing are the thread's alone; under the lock are what it is told (the
 * configuration, the host, the set to fill) and what it tells (a report). Wishes come by the loops'
 * rings, and failed pulls by a ring of the same kind, so that who tells them waits for nothing.
 *
 * An order doesn't cut a call short: what was asked of ECR is answered to the plan, or it would
 * take a silent service for it.
 */
#include "pullthrough/app/cache/importer.h"

#include "import_calls.h"
#include "importer_log.h"
#include "importer_report.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>

enum {
    DRAIN_EVERY_MS = 250,
    REPORT_EVERY_MS = 1000, /* at most: each is another snapshot */
};

struct importer {
    struct wish_rings *wishes;   /* borrowed */
    struct wish_rings *failures; /* of one ring */
    struct metrics *metrics;
    void (*news)(void *context);
    void *context;
    struct timing timing;
    struct worker worker; /* an order is a configuration, or another host */

    /* Under the worker's lock. */
    const struct config *config; /* in use */
    char *host;
    struct image_set *set; /* NULL: nothing is followed */
    bool has_report;
    struct importer_report report;

    /* The thread's own. */
    struct import_calls calls;
    struct image_set *filled;                               /* the set that the plan fills */
    struct import_plan *plan;                               /* NULL: nothing is followed */
    size_t n_upstreams;                                     /* of the plan */
    struct import_upstream upstreams[IMPORT_UPSTREAMS_MAX]; /* into the configuration in use */
    unsigned slots[IMPORT_UPSTREAMS_MAX];
    uint64_t dropped; /* wishes of the plan, as counted last */
    size_t open;      /* and those that aren't done with */
    uint64_t began_ms, report_due_ms;
    bool changed;              /* since the last report */
    bool started;              /* all of the first listing was seen */
    enum image_outcome paused; /* as the log was told last; IMAGE_THERE: it isn't */
    struct error problem;      /* of the last call that was paused for */
    char *refused_for;         /* the reason that the log was told last */
};

static uint64_t now_ms(const struct importer *importer)
{
    return importer->timing.monotonic_ms(importer->timing.context);
}

static uint32_t random_bits(const struct importer *importer)
{
    return importer->timing.random(importer->timing.context);
}

static bool on_stopped(void *context)
{
    struct importer *importer = context;

    return worker_is_stopping(&importer->worker);
}

static bool on_wait(void *context, uint64_t ms)
{
    struct importer *importer = context;

    (void)worker_wait(&importer->worker, ms);
    return !worker_is_stopping(&importer->worker);
}

/* Orders */

static void list_upstreams(struct importer *importer, const struct config *config)
{
    for (size_t i = 0; i < config->n_upstreams; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];

        if (!upstream->enabled || importer->n_upstreams == IMPORT_UPSTREAMS_MAX)
            continue;
        importer->slots[importer->n_upstreams] =
            metrics_upstream_slot(importer->metrics, slice_str(upstream->registry));
        importer->upstreams[importer->n_upstreams++] = (struct import_upstream){
            slice_str(upstream->prefix), config->import.per_hour[i].number};
    }
}

/* A plan for this set, or the same one by other settings. */
static void follow(struct importer *importer, const struct config *config, struct image_set *set)
{
    const struct import_settings settings = {
        .upstreams = importer->upstreams,
        .n_upstreams = importer->n_upstreams,
        .recheck_ms = (int64_t)config->import.recheck_ms,
        .digests = config->rewrite.digests != CONFIG_DIGESTS_SKIP,
    };

    if (set && set == importer->filled) {
        import_plan_configure(importer->plan, &settings);
        return;
    }
    import_plan_free(importer->plan);
    importer->plan = set ? import_plan_new(&settings, set) : NULL;
    image_set_unref(importer->filled);
    importer->filled = image_set_ref(set);
    importer->dropped = 0;
    importer->began_ms = now_ms(importer);
    importer->started = false;
    importer->paused = IMAGE_THERE;
}

static void take_order(struct importer *importer)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    struct image_set *set = NULL;
    char *host = NULL;

    worker_lock(&importer->worker);
    if (worker_take(&importer->worker)) {
        config = config_ref(importer->config);
        set = image_set_ref(importer->set);
        host = alloc_string(importer->host);
    }
    worker_unlock(&importer->worker);
    if (!config)
        return;
    importer->n_upstreams = 0;
    if (set)
        list_upstreams(importer, config); /* texts of the configuration, which the calls hold */
    follow(importer, config, set);
    import_calls_configure(&importer->calls, config, slice_str(host));
    importer->changed = true;
    importer->report_due_ms = 0;
    image_set_unref(set);
    free(host);
}

/* What comes in, and what is asked for */

static void drain(struct importer *importer)
{
    const int64_t now = (int64_t)now_ms(importer);
    struct wish wish;

    /* Before the wishes: of one that failed the next pod makes a wish. */
    while (wish_rings_take(importer->failures, &wish)) {
        import_plan_pull_failed(importer->plan, wish_repository(&wish), wish_tag(&wish),
                                wish_digest(&wish));
        importer->changed = true;
    }
    while (wish_rings_take(importer->wishes, &wish))
        importer->changed |=
            import_plan_wish(importer->plan, wish_namespace(&wish), wish_repository(&wish),
                             wish_tag(&wish), wish_digest(&wish), now, random_bits(importer)) == 0;
}

static void make(struct importer *importer, const struct import_call *call)
{
    const bool imports = call->kind == IMPORT_GET;
    const size_t upstream = call->upstream;
    struct error problem;
    const struct import_answer answer =
        import_calls_make(&importer->calls, importer->plan, call, &problem);
    const int64_t now = (int64_t)now_ms(importer);

    if (worker_is_stopping(&importer->worker))
        return; /* it was cut short */
    import_plan_answer(importer->plan, &answer, now, random_bits(importer));
    if (imports) {
        importer_log_import(call, answer.outcome, &problem);
        metrics_import(importer->metrics, importer->slots[upstream], answer.outcome);
    }
    if (answer.outcome >= IMAGE_THROTTLED)
        importer->problem = problem;
    if (imports && answer.outcome == IMAGE_THROTTLED)
        importer_log_throttled(importer->plan, importer->upstreams, upstream, &problem, now);
    importer_log_refusal(importer->plan, &importer->refused_for, now);
    importer->changed = true;
}

/* Make the call that is due, if any; until when to wait, in milliseconds. */
static uint64_t work(struct importer *importer)
{
    const struct import_call *call;
    int64_t wait_ms = 0;

    drain(importer);
    call = import_plan_next(importer->plan, (int64_t)now_ms(importer), random_bits(importer),
                            &wait_ms);
    if (!call)
        return wait_ms < DRAIN_EVERY_MS ? (uint64_t)wait_ms : DRAIN_EVERY_MS;
    make(importer, call);
    return 0;
}

/* What is told */

static void tell_listed(const struct importer *importer, const struct import_counts *counts)
{
    const struct image_set_counts held = image_set_counts(importer->filled);

    log_event(LOG_LEVEL_INFO, "ECR's images are listed",
              LOG_NUMBER("repositories", counts->repositories), LOG_NUMBER("tags", held.tags),
              LOG_NUMBER("digests", held.digests),
              LOG_NUMBER("durationMs", now_ms(importer) - importer->began_ms));
}

/* Whether all of it waits, whatever the image. */
static enum image_outcome pause_of(const struct import_counts *counts)
{
    return counts->api.why != IMAGE_THERE ? counts->api.why : counts->imports.why;
}

static void tell_pause(struct importer *importer, enum image_outcome paused)
{
    if (paused == importer->paused)
        return;
    if (paused != IMAGE_THERE)
        log_event(LOG_LEVEL_WARN, "no images are imported for now",
                  LOG_TEXT("reason", image_outcome_name(paused)),
                  LOG_TEXT("problem", importer->problem.text));
    else
        log_event(LOG_LEVEL_INFO, "images are imported again",
                  LOG_TEXT("reason", image_outcome_name(importer->paused)));
    importer->paused = paused;
    importer->changed = true;
}

static void make_report(struct importer *importer, const struct import_counts *counts, uint64_t now)
{
    struct importer_report report = {
        .state = counts->started ? "on" : "listing",
        .epoch_ms = clock_wall_ms() - (int64_t)now,
        .counts = *counts,
        .held = image_set_counts(importer->filled),
    };

    if (!importer->plan)
        report.state = config_is_cached(importer->calls.config) ? "waiting" : "off";
    if (importer->paused != IMAGE_THERE)
        report.problem = importer->problem;
    if (importer->plan)
        importer_report_fill(&report, importer->plan, importer->upstreams, importer->n_upstreams);
    worker_lock(&importer->worker);
    importer_report_fini(&importer->report);
    importer->report = report;
    importer->has_report = !worker_is_over(&importer->worker); /* else it is of the past */
    worker_unlock(&importer->worker);
    importer->changed = false;
    importer->report_due_ms = now + REPORT_EVERY_MS;
    importer->news(importer->context);
}

static void count(const struct importer *importer, const struct import_counts *counts)
{
    const struct image_set_counts held = image_set_counts(importer->filled);
    const struct metrics_cached cached = {held.tags, held.digests, counts->queued};

    metrics_cached(importer->metrics, importer->plan ? &cached : NULL);
}

/* What changed since the last time goes to log, metrics and, once in a while, the owner. */
static void settle(struct importer *importer)
{
    struct import_counts counts = {0};
    uint64_t now = now_ms(importer);

    if (importer->plan) {
        counts = import_plan_counts(importer->plan);
        tell_pause(importer, pause_of(&counts));
        metrics_wishes_dropped(importer->metrics, counts.dropped - importer->dropped);
        importer->dropped = counts.dropped;
        importer->changed |= counts.queued + counts.refused != importer->open; /* some were met */
        importer->open = counts.queued + counts.refused;
        if (counts.started && !importer->started) {
            tell_listed(importer, &counts);
            importer->report_due_ms = 0; /* readiness waits for it */
        }
        importer->started = counts.started;
    }
    if (importer->changed && now >= importer->report_due_ms) {
        count(importer, &counts);
        make_report(importer, &counts, now);
    }
}

static void *run(void *context)
{
    struct importer *importer = context;

    while (!worker_is_stopping(&importer->worker)) {
        uint64_t wait_ms = UINT32_MAX; /* until there is another configuration */

        take_order(importer);
        if (importer->plan)
            wait_ms = work(importer);
        settle(importer);
        (void)worker_wait(&importer->worker, wait_ms);
    }
    return NULL;
}

struct importer *importer_new(struct wish_rings *wishes, struct metrics *metrics,
                              void (*news)(void *context), void *context)
{
    struct importer *importer = alloc_zeroed(1, sizeof(*importer));

    importer->wishes = wishes;
    importer->failures = wish_rings_new(1);
    importer->metrics = metrics;
    importer->news = news;
    importer->context = context;
    importer->timing = timing_of_process();
    importer->timing.wait = on_wait;
    importer->timing.stopped = on_stopped;
    importer->timing.context = importer;
    importer->calls.timing = importer->timing;
    importer->calls.metrics = metrics;
    worker_init(&importer->worker);
    return importer;
}

int importer_start(struct importer *importer, struct error *error)
{
    return worker_start(&importer->worker, run, importer, "importer", error);
}

/* Configuration */

static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Whether what ECR was known to hold says something of this one, too. */
static bool goes_on(const struct config *old, const struct config *next)
{
    if (!is_same(old->registry.region, next->registry.region) ||
        !is_same(old->aws.endpoint.ecr, next->aws.endpoint.ecr))
        return false;
    for (size_t i = 0; i < old->n_upstreams; i++)
        for (size_t k = 0; k < next->n_upstreams; k++)
            if (is_same(old->upstreams[i].prefix, next->upstreams[k].prefix) &&
                !is_same(old->upstreams[i].registry, next->upstreams[k].registry))
                return false;
    return true;
}

static struct image_set *new_set(const struct importer *importer)
{
    uint8_t secret[IMAGE_SET_SECRET_BYTES];

    for (size_t i = 0; i < sizeof(secret); i += sizeof(uint32_t)) {
        const uint32_t bits = random_bits(importer);

        memcpy(secret + i, &bits, sizeof(bits));
    }
    return image_set_new(secret, IMAGE_SET_MAX);
}

void importer_configure(struct importer *importer, const struct config *config, struct slice host)
{
    const bool wanted = config_is_cached(config) && host.len;
    char *own_host;

    if (importer->config == config && slice_is(host, importer->host))
        return;
    own_host = alloc_text(host);
    worker_lock(&importer->worker);
    if (!wanted || !importer->set || !slice_is(host, importer->host) ||
        !goes_on(importer->config, config)) {
        image_set_unref(importer->set);
        importer->set = wanted ? new_set(importer) : NULL;
    }
    free(importer->host);
    importer->host = own_host;
    config_unref(importer->config);
    importer->config = config_ref(config);
    importer->has_report = false;
    worker_renew(&importer->worker);
    worker_unlock(&importer->worker);
}

struct image_set *importer_set(const struct importer *importer)
{
    return image_set_ref(importer->set); /* who configures is the only one who exchanges it */
}

bool importer_is_awaited(const struct importer *importer, const struct importer_report *report)
{
    return importer->set && !report->counts.started;
}

void importer_pull_failed(struct importer *importer, struct slice repository, struct slice tag,
                          struct slice digest)
{
    (void)wish_rings_put(importer->failures, 0, (struct slice){0}, repository, tag, digest);
}

bool importer_take(struct importer *importer, struct importer_report *report)
{
    bool taken;

    worker_lock(&importer->worker);
    taken = importer->has_report;
    if (taken) {
        importer_report_fini(report);
        *report = importer->report;
        importer->report = (struct importer_report){0};
        importer->has_report = false;
    }
    worker_unlock(&importer->worker);
    return taken;
}

void importer_free(struct importer *importer)
{
    if (!importer)
        return;
    worker_stop(&importer->worker);
    import_plan_free(importer->plan);
    image_set_unref(importer->filled);
    image_set_unref(importer->set);
    import_calls_fini(&importer->calls);
    wish_rings_free(importer->failures);
    importer_report_fini(&importer->report);
    config_unref(importer->config);
    free(importer->host);
    free(importer->refused_for);
    worker_fini(&importer->worker);
    free(importer);
}
