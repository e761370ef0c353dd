/*
 * The lock is held for moments only, never over a call. Of the configuration given last and of the
 * one in use it has a reference each, so that no thread reads what another one frees.
 */
#include "pullthrough/app/reconcile/reconciler.h"

#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/edge/aws/aws_client.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>

enum {
    BACKOFF_BASE_MS = 30 * 1000,
    BACKOFF_MOST_MS = 10 * 60 * 1000,
    BACKOFF_STEPS = 6, /* from here on it is the most anyway */
    BACKOFF_LEAST_MS = 1000,
};

struct reconciler {
    struct metrics *metrics;
    void (*news)(void *context);
    void *context;
    struct worker worker; /* an order is a configuration */

    /* Under the worker's lock. */
    const struct config *given; /* last */
    bool has_report;
    struct reconcile_report report;

    /* The thread's own. */
    unsigned failures; /* in a row */
    struct reconcile *reconcile;
    const struct config *in_use;
    struct aws_client *client; /* NULL: it could not be made, and why was logged */
    struct error client_problem;
    struct timing timing;
};

static bool on_stopped(void *context)
{
    struct reconciler *reconciler = context;

    return worker_asks_whether_over(&reconciler->worker);
}

static bool on_wait(void *context, uint64_t ms)
{
    struct reconciler *reconciler = context;

    return worker_wait(&reconciler->worker, ms);
}

static uint32_t random_bits(const struct reconciler *reconciler)
{
    return reconciler->timing.random(reconciler->timing.context);
}

static void on_attempt(void *context, const struct aws_sender_attempt *attempt)
{
    struct reconciler *reconciler = context;

    metrics_aws_request(reconciler->metrics, attempt->operation, attempt->outcome,
                        attempt->duration_ms);
}

static void make_client(struct reconciler *reconciler)
{
    const struct aws_access access = {
        .timing = reconciler->timing, .count = on_attempt, .context = reconciler};

    reconciler->client_problem = (struct error){""};
    if (aws_access_client(&reconciler->client, reconciler->in_use, &access,
                          &reconciler->client_problem))
        reconciler->client = NULL;
}

/* Make the configuration that was given last the one in use, if it was given anew. */
static void take_config(struct reconciler *reconciler)
{
    const struct config *config = NULL;

    worker_lock(&reconciler->worker);
    if (worker_take(&reconciler->worker))
        config = config_ref(reconciler->given);
    worker_unlock(&reconciler->worker);
    if (!config)
        return;
    reconcile_configure(reconciler->reconcile, config);
    config_unref(reconciler->in_use);
    reconciler->in_use = config;
    aws_client_free(reconciler->client);
    reconciler->client = NULL;
    reconciler->failures = 0;
}

/* What the operator says: the configuration, else the environment. */
static void find_account(const struct reconciler *reconciler, struct strbuf *account)
{
    struct slice named = slice_str(reconciler->in_use->registry.account);

    strbuf_add_slice(account, named.len ? named : config_source_environment().account);
}

/* Only to the one who asked for it: a pass that was cut short is not a report. */
static void hand_over(struct reconciler *reconciler, struct reconcile_report *report)
{
    bool wanted;

    worker_lock(&reconciler->worker);
    wanted = !worker_is_over(&reconciler->worker);
    if (wanted) {
        reconcile_report_fini(&reconciler->report);
        reconciler->report = *report;
        *report = (struct reconcile_report){0};
        reconciler->has_report = true;
    }
    worker_unlock(&reconciler->worker);
    if (wanted)
        reconciler->news(reconciler->context);
}

/* Every upstream is as it was, and the reason is the client's. */
static void report_no_client(struct reconciler *reconciler, struct reconcile_report *report)
{
    *report = (struct reconcile_report){
        .outcome = RECONCILE_FAILED,
        .soon = true,
        .problem = reconciler->client_problem,
        .ended_s = reconciler->timing.wall_s(reconciler->timing.context),
    };
}

static uint64_t wait_after(struct reconciler *reconciler, bool soon)
{
    unsigned step = reconciler->failures < BACKOFF_STEPS ? reconciler->failures : BACKOFF_STEPS;

    if (!soon) {
        reconciler->failures = 0;
        return backoff_jitter_ms(reconciler->in_use->reconcile.interval_ms,
                                 random_bits(reconciler));
    }
    reconciler->failures++;
    return BACKOFF_LEAST_MS +
           backoff_ms(step, BACKOFF_BASE_MS, BACKOFF_MOST_MS, random_bits(reconciler));
}

/* Until the next pass, in milliseconds. */
static uint64_t run_pass(struct reconciler *reconciler)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};
    STRBUF_CLEANUP struct strbuf account = STRBUF_INIT(CONFIG_TEXT_MAX);
    uint64_t wait_ms;

    if (!reconciler->client)
        make_client(reconciler);
    find_account(reconciler, &account);
    if (reconciler->client)
        reconcile_pass(reconciler->reconcile, reconciler->client, strbuf_str(&account),
                       &reconciler->timing, &report);
    else
        report_no_client(reconciler, &report);
    if (reconciler->client && aws_client_source(reconciler->client) != AWS_SOURCE_NONE)
        report.credentials = aws_source_name(aws_client_source(reconciler->client));
    wait_ms = wait_after(reconciler, report.soon);
    report.next_s = report.ended_s + (int64_t)(wait_ms / 1000);
    hand_over(reconciler, &report);
    return wait_ms;
}

static void *run(void *context)
{
    struct reconciler *reconciler = context;

    while (!worker_is_stopping(&reconciler->worker)) {
        uint64_t wait_ms = UINT32_MAX; /* until there is another configuration */

        take_config(reconciler);
        if (reconciler->in_use && reconciler->in_use->reconcile.mode != CONFIG_RECONCILE_OFF)
            wait_ms = run_pass(reconciler);
        (void)worker_wait(&reconciler->worker, wait_ms);
    }
    return NULL;
}

struct reconciler *reconciler_new(struct metrics *metrics, void (*news)(void *context),
                                  void *context)
{
    struct reconciler *reconciler = alloc_zeroed(1, sizeof(*reconciler));

    reconciler->metrics = metrics;
    reconciler->news = news;
    reconciler->context = context;
    reconciler->reconcile = reconcile_new();
    reconciler->timing = timing_of_process();
    reconciler->timing.wait = on_wait;
    reconciler->timing.stopped = on_stopped;
    reconciler->timing.context = reconciler;
    worker_init(&reconciler->worker);
    return reconciler;
}

int reconciler_start(struct reconciler *reconciler, struct error *error)
{
    return worker_start(&reconciler->worker, run, reconciler, "reconcile", error);
}

void reconciler_configure(struct reconciler *reconciler, const struct config *config)
{
    worker_lock(&reconciler->worker);
    config_unref(reconciler->given);
    reconciler->given = config_ref(config);
    reconciler->has_report = false;
    worker_renew(&reconciler->worker);
    worker_unlock(&reconciler->worker);
}

bool reconciler_take(struct reconciler *reconciler, struct reconcile_report *report)
{
    bool taken;

    worker_lock(&reconciler->worker);
    taken = reconciler->has_report;
    if (taken) {
        reconcile_report_fini(report);
        *report = reconciler->report;
        reconciler->report = (struct reconcile_report){0};
        reconciler->has_report = false;
    }
    worker_unlock(&reconciler->worker);
    return taken;
}

void reconciler_free(struct reconciler *reconciler)
{
    if (!reconciler)
        return;
    worker_stop(&reconciler->worker);
    aws_client_free(reconciler->client);
    reconcile_free(reconciler->reconcile);
    reconcile_report_fini(&reconciler->report);
    config_unref(reconciler->in_use);
    config_unref(reconciler->given);
    worker_fini(&reconciler->worker);
    free(reconciler);
}
