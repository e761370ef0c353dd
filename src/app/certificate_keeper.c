/*
 * The lock is held for moments only, and while a certificate is loaded, so that none is after
 * certificate_keeper_configure() said otherwise.
 */
#include "pullthrough/app/certificate_keeper.h"

#include "pullthrough/core/backoff.h"
#include "pullthrough/edge/timing.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

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
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* over these */
    pthread_cond_t wake;
    bool stop, look_now;
    unsigned generation; /* of the configuration given last */
    struct certificate_wishes given;
    bool has_report;
    struct certificate_report report;

    /* The thread's own. */
    unsigned working_for; /* a generation; written under the lock */
    struct certificate_wishes wishes;
    struct certificate_look *look;
    unsigned failures, conflicts; /* in a row */
};

static bool is_over(const struct certificate_keeper *keeper)
{
    return keeper->stop || keeper->generation != keeper->working_for;
}

static bool on_stopped(void *context)
{
    struct certificate_keeper *keeper = context;
    bool over;

    (void)pthread_mutex_lock(&keeper->lock);
    over = is_over(keeper);
    (void)pthread_mutex_unlock(&keeper->lock);
    return over;
}

/* Nothing is loaded for a configuration that is over. */
static int on_load(void *context, struct slice leaf, struct slice key, struct error *error)
{
    struct certificate_keeper *keeper = context;
    int result = -1;

    (void)pthread_mutex_lock(&keeper->lock);
    if (is_over(keeper))
        (void)error_set(error, "stopped");
    else
        result = tls_load(keeper->tls, leaf, key, (struct slice){0}, error);
    (void)pthread_mutex_unlock(&keeper->lock);
    return result;
}

static uint32_t random_bits(void)
{
    return timing_of_process().random(NULL);
}

/* Until the next look, or until something else is to be done. */
static void wait_ms(struct certificate_keeper *keeper, uint64_t ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&keeper->lock);
    while (!is_over(keeper) && !keeper->look_now)
        if (pthread_cond_timedwait(&keeper->wake, &keeper->lock, &until))
            break; /* it is time */
    keeper->look_now = false;
    (void)pthread_mutex_unlock(&keeper->lock);
}

static void take_wishes(struct certificate_keeper *keeper)
{
    (void)pthread_mutex_lock(&keeper->lock);
    if (keeper->generation != keeper->working_for) {
        keeper->working_for = keeper->generation;
        keeper->wishes = keeper->given;
        keeper->failures = keeper->conflicts = 0;
    }
    (void)pthread_mutex_unlock(&keeper->lock);
    certificate_look_configure(keeper->look, &keeper->wishes);
}

static void hand_over(struct certificate_keeper *keeper, const struct certificate_report *report)
{
    (void)pthread_mutex_lock(&keeper->lock);
    keeper->report = *report;
    keeper->has_report = !is_over(keeper);
    (void)pthread_mutex_unlock(&keeper->lock);
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

static bool is_stopping(struct certificate_keeper *keeper)
{
    bool stop;

    (void)pthread_mutex_lock(&keeper->lock);
    stop = keeper->stop;
    (void)pthread_mutex_unlock(&keeper->lock);
    return stop;
}

static void *run(void *context)
{
    struct certificate_keeper *keeper = context;

    while (!is_stopping(keeper)) {
        uint64_t ms = UINT32_MAX; /* until there is another configuration */

        take_wishes(keeper);
        if (keeper->wishes.self)
            ms = look(keeper);
        wait_ms(keeper, ms);
    }
    return NULL;
}

struct certificate_keeper *certificate_keeper_new(struct tls *tls, struct metrics *metrics,
                                                  void (*news)(void *context), void *context)
{
    struct certificate_keeper *keeper = calloc(1, sizeof(*keeper));
    struct certificate_look_parts parts = {
        .timing = timing_of_process(), .metrics = metrics, .load = on_load, .context = keeper};
    pthread_condattr_t monotonic;

    if (!keeper)
        abort();
    keeper->tls = tls;
    keeper->news = news;
    keeper->context = context;
    parts.timing.stopped = on_stopped;
    parts.timing.context = keeper;
    keeper->look = certificate_look_new(&parts);
    (void)pthread_mutex_init(&keeper->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&keeper->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return keeper;
}

int certificate_keeper_start(struct certificate_keeper *keeper, struct error *error)
{
    int failed = pthread_create(&keeper->thread, NULL, run, keeper);

    if (failed)
        return error_set(error, "cannot start the certificate thread: %s", strerror(failed));
    keeper->running = true;
    return 0;
}

static void copy_name(char to[static CERTIFICATE_OBJECT_BYTES], const char *name)
{
    size_t len =
        strnlen(name, CERTIFICATE_OBJECT_BYTES - 1); /* the configuration has no longer one */

    memcpy(to, name, len);
    to[len] = '\0';
}

void certificate_keeper_configure(struct certificate_keeper *keeper, const struct config *config)
{
    struct certificate_wishes wishes;

    memset(&wishes, 0, sizeof(wishes)); /* compared as a whole */
    wishes.self = config->tls.mode == CONFIG_TLS_SELF;
    copy_name(wishes.secret, config->tls.secret_name);
    copy_name(wishes.service, config->tls.service_name);
    copy_name(wishes.webhook, config->tls.webhook_name);
    (void)pthread_mutex_lock(&keeper->lock);
    keeper->given = wishes;
    keeper->generation++;
    keeper->has_report = false;
    (void)pthread_cond_broadcast(&keeper->wake);
    (void)pthread_mutex_unlock(&keeper->lock);
}

void certificate_keeper_look(struct certificate_keeper *keeper)
{
    (void)pthread_mutex_lock(&keeper->lock);
    keeper->look_now = true;
    (void)pthread_cond_broadcast(&keeper->wake);
    (void)pthread_mutex_unlock(&keeper->lock);
}

bool certificate_keeper_take(struct certificate_keeper *keeper, struct certificate_report *report)
{
    bool taken;

    (void)pthread_mutex_lock(&keeper->lock);
    taken = keeper->has_report;
    if (taken)
        *report = keeper->report;
    keeper->has_report = false;
    (void)pthread_mutex_unlock(&keeper->lock);
    return taken;
}

void certificate_keeper_free(struct certificate_keeper *keeper)
{
    if (!keeper)
        return;
    if (keeper->running) {
        (void)pthread_mutex_lock(&keeper->lock);
        keeper->stop = true;
        (void)pthread_cond_broadcast(&keeper->wake);
        (void)pthread_mutex_unlock(&keeper->lock);
        (void)pthread_join(keeper->thread, NULL);
    }
    certificate_look_free(keeper->look);
    (void)pthread_cond_destroy(&keeper->wake);
    (void)pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}
