/*
 * The lock is held for moments only, and while a certificate is loaded, so that none is after
 * certificate_keeper_configure() said otherwise.
 */
#include "certificate_keeper.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/edge/sys/timing.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>

enum {
    LOOK_EVERY_MS = 45 * 1000,
    LEAST_MS = 200, /* between two looks, whatever happens */
    AGAIN_BASE_MS = 500,
    FAILED_BASE_MS = 2000,
    MOST_MS = 60 * 1000,
    MOST_WITHOUT_MS = 15 * 1000, /* while nothing is loaded, nothing can be rewritten */
    STEPS_MAX = 30,              /* doublings of a delay: beyond, it is the most anyway */
};

struct certificate_keeper {
    struct tls *tls;
    void (*news)(void *context);
    void *context;
    struct worker worker; /* an order is a configuration */

    /* Under the worker's lock. */
    const struct config *given; /* last */
    bool displaced; /* since one was taken: files may have been loaded in the place of ours */
    bool has_report;
    struct certificate_report report;

    /* The thread's own. */
    const struct config *config; /* in use */
    struct certificate_look *look;
    unsigned failures, conflicts; /* in a row */
};

static bool on_stopped(void *context)
{
    struct certificate_keeper *keeper = context;

    return worker_asks_whether_over(&keeper->worker);
}

/* Nothing is loaded for a configuration that is over. */
static int on_load(void *context, struct key_pair *pair, struct error *error)
{
    struct certificate_keeper *keeper = context;
    int result;

    worker_lock(&keeper->worker);
    if (worker_is_over(&keeper->worker)) {
        key_pair_free(pair);
        result = error_set(error, "stopped");
    } else {
        result = tls_load(keeper->tls, pair, error);
    }
    worker_unlock(&keeper->worker);
    return result;
}

static uint32_t random_bits(void)
{
    return timing_of_process().random(NULL);
}

static void take_config(struct certificate_keeper *keeper)
{
    const struct config *config = NULL;
    bool displaced;

    worker_lock(&keeper->worker);
    if (worker_take(&keeper->worker))
        config = config_ref(keeper->given);
    displaced = keeper->displaced;
    keeper->displaced = false;
    worker_unlock(&keeper->worker);
    if (!config)
        return;
    if (displaced) /* also where the last one is of mode self again */
        certificate_look_forget(keeper->look);
    config_unref(keeper->config);
    keeper->config = config;
    keeper->failures = keeper->conflicts = 0;
    certificate_look_configure(keeper->look, config);
}

static void hand_over(struct certificate_keeper *keeper, const struct certificate_report *report)
{
    worker_lock(&keeper->worker);
    keeper->report = *report;
    keeper->has_report = !worker_is_over(&keeper->worker);
    worker_unlock(&keeper->worker);
    keeper->news(keeper->context);
}

static uint64_t delay_ms(unsigned *attempts, uint64_t base_ms, uint64_t most_ms)
{
    unsigned attempt = *attempts < STEPS_MAX ? (*attempts)++ : STEPS_MAX;

    return LEAST_MS + backoff_ms(attempt, base_ms, most_ms, random_bits());
}

/* Until the next look, in milliseconds. */
static uint64_t look(struct certificate_keeper *keeper)
{
    struct certificate_report report;

    if (!certificate_look_run(keeper->look, &report))
        return 0;
    hand_over(keeper, &report);
    if (report.again && !*report.problem.text)
        return delay_ms(&keeper->conflicts, AGAIN_BASE_MS, MOST_MS);
    keeper->conflicts = 0;
    if (*report.problem.text || report.bundle_state == CERTIFICATE_BUNDLE_UNKNOWN)
        return delay_ms(&keeper->failures, FAILED_BASE_MS,
                        report.loaded_s ? MOST_MS : MOST_WITHOUT_MS);
    keeper->failures = 0;
    return backoff_jitter_ms(LOOK_EVERY_MS, random_bits());
}

static void *run(void *context)
{
    struct certificate_keeper *keeper = context;

    while (!worker_is_stopping(&keeper->worker)) {
        uint64_t ms = UINT32_MAX; /* until there is another configuration */

        take_config(keeper);
        if (keeper->config && keeper->config->tls.mode == CONFIG_TLS_SELF)
            ms = look(keeper);
        (void)worker_wait(&keeper->worker, ms);
    }
    return NULL;
}

struct certificate_keeper *certificate_keeper_new(struct tls *tls, struct metrics *metrics,
                                                  void (*news)(void *context), void *context)
{
    struct certificate_keeper *keeper = alloc_zeroed(1, sizeof(*keeper));
    struct certificate_look_parts parts = {
        .timing = timing_of_process(), .metrics = metrics, .load = on_load, .context = keeper};

    keeper->tls = tls;
    keeper->news = news;
    keeper->context = context;
    parts.timing.stopped = on_stopped;
    parts.timing.context = keeper;
    keeper->look = certificate_look_new(&parts);
    worker_init(&keeper->worker);
    return keeper;
}

int certificate_keeper_start(struct certificate_keeper *keeper, struct error *error)
{
    return worker_start(&keeper->worker, run, keeper, "certificate", error);
}

void certificate_keeper_configure(struct certificate_keeper *keeper, const struct config *config)
{
    worker_lock(&keeper->worker);
    config_unref(keeper->given);
    keeper->given = config_ref(config);
    keeper->displaced = keeper->displaced || config->tls.mode != CONFIG_TLS_SELF;
    keeper->has_report = false;
    worker_renew(&keeper->worker);
    worker_unlock(&keeper->worker);
}

void certificate_keeper_look(struct certificate_keeper *keeper)
{
    worker_rouse(&keeper->worker);
}

bool certificate_keeper_take(struct certificate_keeper *keeper, struct certificate_report *report)
{
    bool taken;

    worker_lock(&keeper->worker);
    taken = keeper->has_report;
    if (taken)
        *report = keeper->report;
    keeper->has_report = false;
    worker_unlock(&keeper->worker);
    return taken;
}

void certificate_keeper_free(struct certificate_keeper *keeper)
{
    if (!keeper)
        return;
    worker_stop(&keeper->worker);
    certificate_look_free(keeper->look);
    config_unref(keeper->config);
    config_unref(keeper->given);
    worker_fini(&keeper->worker);
    free(keeper);
}
