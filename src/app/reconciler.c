/*
 * The lock is held for moments only, never over a call. A configuration is handed over as its
 * text, so that no thread reads what another one frees.
 */
#include "pullthrough/app/reconciler.h"

#include "pullthrough/app/aws_access.h"
#include "pullthrough/app/config_source.h"
#include "pullthrough/core/backoff.h"
#include "pullthrough/edge/aws_client.h"
#include "pullthrough/edge/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

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
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* over these */
    pthread_cond_t wake;
    bool stop;
    unsigned generation;  /* of the configuration given last */
    struct strbuf config; /* its text, until it is taken */
    bool has_report;
    struct reconcile_report report;

    /* The thread's own. */
    unsigned working_for; /* a generation; read under the lock or by the thread */
    unsigned failures;    /* in a row */
    struct reconcile *reconcile;
    struct config *in_use;
    struct aws_client *client; /* NULL: it could not be made, and why was logged */
    struct error client_problem;
    struct timing timing;
};

static bool is_over(const struct reconciler *reconciler)
{
    return reconciler->stop || reconciler->generation != reconciler->working_for;
}

static bool on_stopped(void *context)
{
    struct reconciler *reconciler = context;
    bool over;

    (void)pthread_mutex_lock(&reconciler->lock);
    over = is_over(reconciler);
    (void)pthread_mutex_unlock(&reconciler->lock);
    return over;
}

/* False where the wait was cut short. */
static bool on_wait(void *context, uint64_t ms)
{
    struct reconciler *reconciler = context;
    struct timespec until;
    bool over;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&reconciler->lock);
    while (!is_over(reconciler))
        if (pthread_cond_timedwait(&reconciler->wake, &reconciler->lock, &until))
            break; /* it is time */
    over = is_over(reconciler);
    (void)pthread_mutex_unlock(&reconciler->lock);
    return !over;
}

static int64_t on_wall_s(void *context)
{
    (void)context;
    return timing_of_process().wall_s(NULL);
}

static uint64_t on_monotonic_ms(void *context)
{
    (void)context;
    return timing_of_process().monotonic_ms(NULL);
}

static uint32_t on_random(void *context)
{
    (void)context;
    return timing_of_process().random(NULL);
}

static void on_attempt(void *context, const struct aws_sender_attempt *attempt)
{
    struct reconciler *reconciler = context;

    metrics_aws_request(reconciler->metrics, attempt->service, attempt->operation, attempt->outcome,
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

/* Make the configuration that was given last the one in use, if it is another one. */
static void take_config(struct reconciler *reconciler)
{
    struct config *old = reconciler->in_use;
    struct error error = {""};

    (void)pthread_mutex_lock(&reconciler->lock);
    if (reconciler->generation != reconciler->working_for) {
        reconciler->working_for = reconciler->generation;
        if (config_parse(&reconciler->in_use, strbuf_slice(&reconciler->config), &error))
            abort(); /* what config_print() gives can be read */
    }
    (void)pthread_mutex_unlock(&reconciler->lock);
    if (reconciler->in_use == old)
        return;
    reconcile_configure(reconciler->reconcile, reconciler->in_use);
    config_free(old);
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

/* Only to the one who asked for it: a pass that was cut short is no report. */
static void hand_over(struct reconciler *reconciler, struct reconcile_report *report)
{
    bool wanted;

    (void)pthread_mutex_lock(&reconciler->lock);
    wanted = !is_over(reconciler);
    if (wanted) {
        reconcile_report_fini(&reconciler->report);
        reconciler->report = *report;
        *report = (struct reconcile_report){0};
        reconciler->has_report = true;
    }
    (void)pthread_mutex_unlock(&reconciler->lock);
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
        .ended_s = on_wall_s(NULL),
    };
}

/* Until the next pass, in milliseconds. */
static uint64_t run_pass(struct reconciler *reconciler)
{
    RECONCILE_REPORT_CLEANUP struct reconcile_report report = {0};
    STRBUF_CLEANUP struct strbuf account = STRBUF_INIT(CONFIG_TEXT_MAX);
    bool soon;

    if (!reconciler->client)
        make_client(reconciler);
    find_account(reconciler, &account);
    if (reconciler->client)
        reconcile_pass(reconciler->reconcile, reconciler->client, strbuf_str(&account),
                       &reconciler->timing, &report);
    else
        report_no_client(reconciler, &report);
    soon = report.soon;
    hand_over(reconciler, &report);
    if (soon) {
        unsigned step = reconciler->failures < BACKOFF_STEPS ? reconciler->failures : BACKOFF_STEPS;

        reconciler->failures++;
        return BACKOFF_LEAST_MS +
               backoff_ms(step, BACKOFF_BASE_MS, BACKOFF_MOST_MS, on_random(NULL));
    }
    reconciler->failures = 0;
    return backoff_jitter_ms(reconciler->in_use->reconcile.interval_ms, on_random(NULL));
}

static bool is_stopping(struct reconciler *reconciler)
{
    bool stop;

    (void)pthread_mutex_lock(&reconciler->lock);
    stop = reconciler->stop;
    (void)pthread_mutex_unlock(&reconciler->lock);
    return stop;
}

static void *run(void *context)
{
    struct reconciler *reconciler = context;

    while (!is_stopping(reconciler)) {
        uint64_t wait_ms = UINT32_MAX; /* until there is another configuration */

        take_config(reconciler);
        if (reconciler->in_use && reconciler->in_use->reconcile.mode != CONFIG_RECONCILE_OFF)
            wait_ms = run_pass(reconciler);
        (void)on_wait(reconciler, wait_ms);
    }
    return NULL;
}

struct reconciler *reconciler_new(struct metrics *metrics, void (*news)(void *context),
                                  void *context)
{
    struct reconciler *reconciler = calloc(1, sizeof(*reconciler));
    pthread_condattr_t monotonic;

    if (!reconciler)
        abort();
    reconciler->metrics = metrics;
    reconciler->news = news;
    reconciler->context = context;
    reconciler->reconcile = reconcile_new();
    reconciler->timing = (struct timing){.wall_s = on_wall_s,
                                         .monotonic_ms = on_monotonic_ms,
                                         .random = on_random,
                                         .wait = on_wait,
                                         .stopped = on_stopped,
                                         .context = reconciler};
    strbuf_init(&reconciler->config, CONFIG_TEXT_MAX);
    (void)pthread_mutex_init(&reconciler->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&reconciler->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return reconciler;
}

int reconciler_start(struct reconciler *reconciler, struct error *error)
{
    int failed = pthread_create(&reconciler->thread, NULL, run, reconciler);

    if (failed)
        return error_set(error, "cannot start the reconcile thread: %s", strerror(failed));
    reconciler->running = true;
    return 0;
}

void reconciler_configure(struct reconciler *reconciler, const struct config *config)
{
    (void)pthread_mutex_lock(&reconciler->lock);
    strbuf_clear(&reconciler->config);
    config_print(config, &reconciler->config);
    reconciler->generation++;
    reconciler->has_report = false;
    (void)pthread_cond_broadcast(&reconciler->wake);
    (void)pthread_mutex_unlock(&reconciler->lock);
}

bool reconciler_take(struct reconciler *reconciler, struct reconcile_report *report)
{
    bool taken;

    (void)pthread_mutex_lock(&reconciler->lock);
    taken = reconciler->has_report;
    if (taken) {
        reconcile_report_fini(report);
        *report = reconciler->report;
        reconciler->report = (struct reconcile_report){0};
        reconciler->has_report = false;
    }
    (void)pthread_mutex_unlock(&reconciler->lock);
    return taken;
}

void reconciler_free(struct reconciler *reconciler)
{
    if (!reconciler)
        return;
    if (reconciler->running) {
        (void)pthread_mutex_lock(&reconciler->lock);
        reconciler->stop = true;
        (void)pthread_cond_broadcast(&reconciler->wake);
        (void)pthread_mutex_unlock(&reconciler->lock);
        (void)pthread_join(reconciler->thread, NULL);
    }
    aws_client_free(reconciler->client);
    reconcile_free(reconciler->reconcile);
    reconcile_report_fini(&reconciler->report);
    config_free(reconciler->in_use);
    strbuf_fini(&reconciler->config);
    (void)pthread_cond_destroy(&reconciler->wake);
    (void)pthread_mutex_destroy(&reconciler->lock);
    free(reconciler);
}
