/*
 * The state is core's and short to ask, so one lock is enough: whoever hears of something changes
 * the state under it. The probe is made without; what is heard meanwhile is handed over when it has
 * come to an end, at most its timeout later.
 *
 * A probe asks from the pod's network, which isn't the nodes': one that was never answered says
 * nothing of the cache, and is told once, as a fault of the way there.
 */
#include "pullthrough/app/fallback/fallback_keeper.h"

#include "healer.h"
#include "pull_watch.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/fallback/fallback.h"
#include "pullthrough/core/kube/pull_failure.h"
#include "pullthrough/edge/aws/registry_client.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>

enum {
    REPORT_EVERY_MS = 200, /* at most: a flood of failures is not one of snapshots */
    HOST_MAX = 256,
};

enum probe { PROBE_OFF, PROBE_UNANSWERED, PROBE_GOOD, PROBE_FAILING };

struct fallback_keeper {
    struct metrics *metrics;
    void (*news)(void *context);
    void (*absent)(void *context, struct slice image);
    void *context;
    struct pull_watch *watch;
    struct healer *healer;
    struct timing timing;
    struct worker worker; /* an order is a configuration, or another host */

    /* Under the worker's lock. */
    const struct config *config; /* in use */
    char *host;
    struct rule_set *rules;    /* by host, prefixes and aliases; NULL before the first order */
    struct fallback *fallback; /* NULL: nothing is followed */
    enum probe probe;
    bool changed; /* since the last report */
    bool has_report;
    struct fallback_report report;

    /* The thread's own. */
    struct http_client *http;
    uint64_t probe_due_ms, report_due_ms;
    bool probe_told;
};

void fallback_report_fini(struct fallback_report *report)
{
    fallback_table_unref(report->table);
    *report = (struct fallback_report){0};
}

static uint64_t now_ms(const struct fallback_keeper *keeper)
{
    return keeper->timing.monotonic_ms(keeper->timing.context);
}

static bool on_stopped(void *context)
{
    struct fallback_keeper *keeper = context;

    return worker_asks_whether_over(&keeper->worker);
}

/* Something is to be told to the owner, soon. */
static void renew_report(struct fallback_keeper *keeper)
{
    worker_lock(&keeper->worker);
    keeper->changed = true;
    worker_unlock(&keeper->worker);
    worker_rouse(&keeper->worker);
}

/* Under the lock. */
static void tell_registry(struct fallback_keeper *keeper, unsigned changes, const char *why)
{
    if (changes & FALLBACK_BLIND) {
        keeper->probe = PROBE_UNANSWERED;
        why = "no probe was answered for an hour, and no node says the same";
    }
    if (changes & FALLBACK_OPENED)
        log_event(LOG_LEVEL_WARN, "registry is down, pods pull from upstream",
                  LOG_TEXT("reason", why));
    if (changes & FALLBACK_CLOSED)
        log_event(LOG_LEVEL_INFO, "registry is back, pods pull from it again",
                  LOG_TEXT("reason", why));
}

/* Who may write Events can cause these. */
static void tell_failure(struct fallback_keeper *keeper, const struct pull_failure *failure,
                         unsigned changes)
{
    static struct log_limit limit;
    struct slice registry = rule_set_registry(keeper->rules, failure->upstream);
    uint64_t suppressed;

    tell_registry(keeper, changes, "nodes can't reach it");
    if (changes & FALLBACK_UPSTREAM)
        log_event(LOG_LEVEL_WARN,
                  failure->own ? "upstream is out of reach, pods pull its images from the cache"
                               : "upstream's images fail in the cache, pods pull from upstream",
                  LOG_SLICE("upstream", registry),
                  LOG_TEXT("class", pull_class_name(failure->class)));
    if (!(changes & FALLBACK_IMAGE) || !log_limit_pass(&limit, &suppressed))
        return;
    log_event(LOG_LEVEL_INFO,
              failure->own ? "image fails under its own name, pods pull it from the cache"
                           : "image fails in the cache, pods pull it from upstream",
              LOG_SLICE("image", failure->image), LOG_SLICE("upstream", registry),
              LOG_TEXT("class", pull_class_name(failure->class)), LOG_SLICE("node", failure->node),
              LOG_NUMBER("suppressed", suppressed));
}

/* Under the lock. */
static void take_failure(struct fallback_keeper *keeper, const struct pull_failure *failure,
                         bool again)
{
    int64_t wall_s = keeper->timing.wall_s(keeper->timing.context);
    struct slice registry = rule_set_registry(keeper->rules, failure->upstream);
    const struct fallback_pull pull = {
        .class = failure->class,
        .own = failure->own,
        .prefix = rule_set_prefix(keeper->rules, failure->upstream),
        .image = failure->name,
        .node = failure->node,
        .namespace = failure->namespace,
        .age_ms = pull_failure_age_ms(failure, wall_s, again),
    };
    unsigned changes = fallback_failure(keeper->fallback, &pull, (int64_t)now_ms(keeper));

    if (!again && !failure->own)
        metrics_pull_failure(keeper->metrics, metrics_upstream_slot(keeper->metrics, registry),
                             failure->class);
    keeper->changed |= changes != 0;
    if (failure->class == PULL_ABSENT && !failure->own && !again)
        keeper->absent(keeper->context, failure->name);
    tell_failure(keeper, failure, changes);
    if (failure->class != PULL_OTHER && !failure->own)
        healer_add(keeper->healer, failure, pull.age_ms, again);
}

static void on_event(void *context, const struct kube_watch_event *event, bool again)
{
    struct fallback_keeper *keeper = context;
    struct pull_failure failure;
    bool changed;

    worker_lock(&keeper->worker);
    changed = !keeper->changed; /* else the thread knows, and is about to tell */
    if (keeper->fallback && pull_failure_read(&failure, keeper->rules, event->object))
        take_failure(keeper, &failure, again);
    changed = changed && keeper->changed;
    worker_unlock(&keeper->worker);
    if (changed)
        worker_rouse(&keeper->worker);
}

static void on_watch_state(void *context)
{
    renew_report(context);
}

static bool is_well(void *context, struct slice prefix, struct slice name)
{
    struct fallback_keeper *keeper = context;
    bool well;

    worker_lock(&keeper->worker);
    well = keeper->fallback && fallback_is_well(keeper->fallback, prefix, name);
    worker_unlock(&keeper->worker);
    return well;
}

/* The rest of what an order is, with the thread's own. */
static void take_order(struct fallback_keeper *keeper)
{
    bool another;

    worker_lock(&keeper->worker);
    another = worker_take(&keeper->worker);
    worker_unlock(&keeper->worker);
    if (!another)
        return;
    http_client_free(keeper->http);
    keeper->http = NULL;
    keeper->probe_due_ms = now_ms(keeper);
    keeper->probe_told = false;
}

/* 0: it answers; positive: it doesn't; negative: it was not asked. */
static int ask_registry(struct fallback_keeper *keeper, const struct config *config,
                        struct slice host, struct error *error)
{
    if (!keeper->http && aws_access_http(&keeper->http, config, NULL, &keeper->timing, error))
        return -1;
    return registry_client_probe(keeper->http, host, config->fallback.probe.timeout_ms, error);
}

static void tell_unanswered(struct fallback_keeper *keeper, const struct error *problem)
{
    if (!keeper->probe_told)
        log_event(LOG_LEVEL_WARN, "registry does not answer probes, only nodes' reports count",
                  LOG_TEXT("problem", problem->text));
    keeper->probe_told = true;
}

/* What a probe said; nothing if meanwhile there is another order. Under the lock. */
static void take_answer(struct fallback_keeper *keeper, int answer, const struct error *problem)
{
    enum probe before = keeper->probe;

    if (worker_is_over(&keeper->worker) || !keeper->fallback)
        return;
    if (answer == 0)
        keeper->probe = PROBE_GOOD;
    else if (before != PROBE_UNANSWERED)
        keeper->probe = PROBE_FAILING;
    else
        tell_unanswered(keeper, problem);
    keeper->changed |= keeper->probe != before;
    if (answer >= 0 && keeper->probe != PROBE_UNANSWERED) {
        unsigned changes = fallback_probe(keeper->fallback, answer == 0, (int64_t)now_ms(keeper));

        keeper->changed |= changes != 0;
        tell_registry(keeper, changes, answer == 0 ? "it answers probes" : problem->text);
    }
}

/* How long until the next probe is due, in milliseconds. */
static uint64_t probe(struct fallback_keeper *keeper)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    struct error problem = {""};
    const struct config *config = NULL;
    uint64_t now = now_ms(keeper);
    int answer;

    worker_lock(&keeper->worker);
    if (keeper->fallback && keeper->config->fallback.probe.interval_ms) {
        config = config_ref(keeper->config);
        strbuf_add_str(&host, keeper->host);
    }
    worker_unlock(&keeper->worker);
    if (!config)
        return UINT64_MAX;
    if (now < keeper->probe_due_ms) {
        config_unref(config);
        return keeper->probe_due_ms - now;
    }
    answer = ask_registry(keeper, config, strbuf_slice(&host), &problem);
    worker_lock(&keeper->worker);
    take_answer(keeper, answer, &problem);
    worker_unlock(&keeper->worker);
    keeper->probe_due_ms = now + config->fallback.probe.interval_ms;
    config_unref(config);
    now = now_ms(keeper);
    return keeper->probe_due_ms > now ? keeper->probe_due_ms - now : 0;
}

static const char *probe_name(enum probe probe)
{
    static const char *const names[] = {"off", "unanswered", "good", "failing"};

    return names[probe];
}

/* Under the lock. */
static void make_report(struct fallback_keeper *keeper, uint64_t now)
{
    const enum pull_watch_state watch = pull_watch_state(keeper->watch);
    struct fallback_counts counts;

    fallback_report_fini(&keeper->report);
    keeper->report = (struct fallback_report){
        .table = keeper->fallback ? fallback_table_new(keeper->fallback) : NULL,
        .epoch_ms = clock_wall_ms() - (int64_t)now,
        .watch = pull_watch_state_name(watch),
        .probe = probe_name(keeper->probe),
    };
    counts = fallback_table_counts(keeper->report.table);
    metrics_fallback(keeper->metrics, counts.away_images, counts.away_upstreams, counts.open);
    metrics_unheard(keeper->metrics, METRICS_UNHEARD_NO_ROOM,
                    keeper->fallback ? fallback_dropped(keeper->fallback) : 0);
    metrics_pull_watch(keeper->metrics, watch != PULL_WATCH_OFF, watch == PULL_WATCH_ON);
    keeper->has_report = true;
    keeper->changed = false;
    keeper->report_due_ms = now + REPORT_EVERY_MS;
}

/* How long until something falls due, in milliseconds. */
static uint64_t settle(struct fallback_keeper *keeper)
{
    uint64_t now = now_ms(keeper), wait_ms = UINT64_MAX;
    int64_t next_ms = -1;
    bool told = false;

    worker_lock(&keeper->worker);
    if (keeper->fallback) {
        unsigned changes = fallback_settle(keeper->fallback, (int64_t)now, &next_ms);

        keeper->changed |= changes != 0;
        tell_registry(keeper, changes, "nothing more is heard of it");
    }
    if (next_ms >= 0)
        wait_ms = (uint64_t)next_ms;
    if (keeper->changed && now >= keeper->report_due_ms) {
        make_report(keeper, now);
        told = true;
    } else if (keeper->changed && keeper->report_due_ms - now < wait_ms) {
        wait_ms = keeper->report_due_ms - now;
    }
    worker_unlock(&keeper->worker);
    if (told)
        keeper->news(keeper->context);
    return wait_ms;
}

static void *run(void *context)
{
    struct fallback_keeper *keeper = context;

    while (!worker_is_stopping(&keeper->worker)) {
        uint64_t probe_ms, settle_ms, wait_ms;

        take_order(keeper);
        (void)settle(
            keeper); /* an order is told of before a registry is asked that may be silent */
        probe_ms = probe(keeper);
        settle_ms = settle(keeper);
        wait_ms = probe_ms < settle_ms ? probe_ms : settle_ms;
        (void)worker_wait(&keeper->worker, wait_ms < UINT32_MAX ? wait_ms : UINT32_MAX);
    }
    return NULL;
}

struct fallback_keeper *fallback_keeper_new(struct metrics *metrics, void (*news)(void *context),
                                            void (*absent)(void *context, struct slice image),
                                            void *context)
{
    struct fallback_keeper *keeper = alloc_zeroed(1, sizeof(*keeper));

    keeper->metrics = metrics;
    keeper->news = news;
    keeper->absent = absent;
    keeper->context = context;
    keeper->timing = timing_of_process();
    keeper->timing.stopped = on_stopped;
    keeper->timing.context = keeper;
    worker_init(&keeper->worker);
    keeper->watch =
        pull_watch_new(&(struct pull_watch_parts){metrics, on_event, on_watch_state, keeper});
    keeper->healer = healer_new(&(struct healer_parts){metrics, is_well, keeper});
    return keeper;
}

int fallback_keeper_start(struct fallback_keeper *keeper, struct error *error)
{
    if (worker_start(&keeper->worker, run, keeper, "fallback", error) ||
        healer_start(keeper->healer, error))
        return -1;
    return pull_watch_start(keeper->watch, error);
}

/* What two configurations say of one cache. */
struct both {
    const struct config *old, *next;
};

static const char *registry_of(const struct config *config, struct slice prefix)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (slice_is(prefix, config->upstreams[i].prefix))
            return config->upstreams[i].registry;
    return NULL;
}

static bool is_same_upstream(const void *context, struct slice prefix)
{
    const struct both *both = context;
    const char *old = registry_of(both->old, prefix), *next = registry_of(both->next, prefix);

    return old && next && strcmp(old, next) == 0;
}

/* What is known of the registry and its images stays as long as these do. Under the lock. */
static void follow(struct fallback_keeper *keeper, const struct config *config, struct slice host)
{
    const struct fallback_settings settings = {(int64_t)config->fallback.remember_ms};
    bool wanted = config->fallback.to == CONFIG_FALLBACK_UPSTREAM && host.len;
    bool goes_on = wanted && keeper->fallback && slice_is(host, keeper->host);

    if (!goes_on) {
        fallback_free(keeper->fallback);
        keeper->fallback = wanted ? fallback_new(&settings) : NULL;
        keeper->probe = PROBE_OFF;
    } else {
        fallback_configure(keeper->fallback, &settings, is_same_upstream,
                           &(struct both){keeper->config, config});
    }
    if (!keeper->fallback || !config->fallback.probe.interval_ms)
        keeper->probe = PROBE_OFF;
    else if (keeper->probe == PROBE_OFF ||
             !slice_is(slice_str(keeper->config->aws.ca_file), config->aws.ca_file))
        keeper->probe = PROBE_UNANSWERED; /* another way there, which may be a wrong one */
    if (keeper->fallback && keeper->probe <= PROBE_UNANSWERED)
        fallback_forget_probes(keeper->fallback);
}

void fallback_keeper_configure(struct fallback_keeper *keeper, const struct config *config,
                               struct slice host)
{
    char *own_host;

    if (keeper->config == config && slice_is(host, keeper->host))
        return;
    own_host = alloc_text(host);
    worker_lock(&keeper->worker);
    follow(keeper, config, host);
    free(keeper->host);
    keeper->host = own_host;
    rule_set_free(keeper->rules);
    keeper->rules = rule_set_new(config, &(struct rule_set_facts){.host = host});
    config_unref(keeper->config);
    keeper->config = config_ref(config);
    keeper->changed = true;
    worker_renew(&keeper->worker);
    /* Before there is a report of it, and before there is an Event for it. */
    healer_configure(keeper->healer, config, host);
    pull_watch_want(keeper->watch, config->fallback.watch && keeper->fallback);
    worker_unlock(&keeper->worker);
}

bool fallback_keeper_take(struct fallback_keeper *keeper, struct fallback_report *report)
{
    bool taken;

    worker_lock(&keeper->worker);
    taken = keeper->has_report;
    if (taken) {
        fallback_report_fini(report);
        *report = keeper->report;
        keeper->report = (struct fallback_report){0};
    }
    keeper->has_report = false;
    worker_unlock(&keeper->worker);
    return taken;
}

void fallback_keeper_free(struct fallback_keeper *keeper)
{
    if (!keeper)
        return;
    pull_watch_end(keeper->watch); /* all three in the same second */
    healer_end(keeper->healer);
    worker_stop(&keeper->worker); /* it asks the watch; the two only ask for what is freed below */
    pull_watch_free(keeper->watch); /* which adds to the healer's */
    healer_free(keeper->healer);
    http_client_free(keeper->http);
    fallback_report_fini(&keeper->report);
    fallback_free(keeper->fallback);
    rule_set_free(keeper->rules);
    config_unref(keeper->config);
    free(keeper->host);
    worker_fini(&keeper->worker);
    free(keeper);
}
