/*
 * Threads take images from the queue, under its lock; what they do with one is done without it. The
 * main thread waits for signals, and says how far they are.
 */
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/base/alloc.h"
#include "warm_queue.h"
#include "warm_work.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOOK_AGAIN_MS = 250, /* for what ECR serves and hasn't whole; doubles to: */
    LOOK_AGAIN_MAX_MS = 8000,
    TICK_MS = 100,
    WORD_BYTES = 160,
    NAME_SHOWN = 60, /* bytes of a name in the progress */
};

struct runner {
    struct pool *pool;
    pthread_t thread;
    struct http_client *http;
    struct image_client *client;
    const struct warm_image *image; /* under the pool's lock: at work on it */
    bool waits;                     /* ... until ECR has it */
};

struct pool {
    const struct warm_work *work;
    struct timing timing;
    char *host;
    pthread_mutex_t aws; /* held while the client of AWS is used */
    struct runner runners[WARM_AT_ONCE];
    size_t n_runners;

    pthread_mutex_t lock; /* over the rest */
    struct warm_queue *queue;
    struct warm_wait wait; /* why the last one who asked got nothing */
    size_t n_ended;        /* runners */
};

static uint64_t now_ms(const struct pool *pool)
{
    return pool->timing.monotonic_ms(pool->timing.context);
}

static void lock(struct pool *pool)
{
    alloc_must(pthread_mutex_lock(&pool->lock) == 0);
}

static void unlock(struct pool *pool)
{
    alloc_must(pthread_mutex_unlock(&pool->lock) == 0);
}

/* What ECR gave by the tag must be what the image's digest says, and ECR needs a while until it has
 * all of it. */
static enum image_outcome wait_until_held(struct runner *runner, const struct warm_image *image,
                                          const char *found, uint64_t *size_bytes,
                                          struct error *error)
{
    struct pool *pool = runner->pool;
    uint64_t began_ms = now_ms(pool), wait_ms = LOOK_AGAIN_MS;

    if (*image->digest && strcmp(image->digest, found) != 0) {
        (void)error_set(error, "its tag %s is another image by now: %s", image->tag, found);
        return IMAGE_REFUSED;
    }
    lock(pool);
    runner->waits = true;
    unlock(pool);
    for (;;) {
        struct image_facts facts;
        enum image_outcome outcome =
            image_client_describe(runner->client, image->repository,
                                  *image->digest ? "" : image->tag, image->digest, &facts, error);

        *size_bytes = facts.size_bytes;
        if (outcome == IMAGE_THERE || outcome == IMAGE_DENIED || outcome == IMAGE_REFUSED)
            return outcome;
        if (now_ms(pool) - began_ms >= pool->work->timeout_ms) {
            (void)error_set(error, "ECR gives it, but doesn't have it whole after %llu s",
                            (unsigned long long)pool->work->timeout_ms / 1000);
            return IMAGE_REFUSED;
        }
        if (!pool->timing.wait(pool->timing.context, wait_ms))
            return IMAGE_NO_ANSWER;
        wait_ms = 2 * wait_ms < LOOK_AGAIN_MAX_MS ? 2 * wait_ms : LOOK_AGAIN_MAX_MS;
    }
}

static const char *advice_for(const struct runner *runner, enum image_outcome outcome)
{
    const char *advice = image_client_advice(runner->client);

    if (outcome == IMAGE_DENIED && !advice)
        return "`pullthrough iam verify` prints what is to be allowed";
    return advice ? advice : "try again later; what ECR has by then is skipped";
}

static void import(struct runner *runner, struct warm_image *image)
{
    struct pool *pool = runner->pool;
    char found[REGISTRY_DIGEST_BYTES];
    struct error error = {""};
    uint64_t size_bytes = 0;
    enum image_outcome outcome =
        image_client_import(runner->client, image->repository, image->tag, found, &error);

    if (outcome == IMAGE_THERE)
        outcome = wait_until_held(runner, image, found, &size_bytes, &error);
    lock(pool);
    runner->image = NULL;
    runner->waits = false;
    if (outcome != IMAGE_THERE && pool->timing.stopped(pool->timing.context)) {
        warm_queue_give_back(pool->queue, image);
    } else {
        image->size_bytes = size_bytes;
        warm_queue_settle(pool->queue, image, outcome, error.text, advice_for(runner, outcome),
                          now_ms(pool));
    }
    unlock(pool);
}

static void *run(void *context)
{
    struct runner *runner = context;
    struct pool *pool = runner->pool;
    struct warm_wait wait = {.ms = 1};

    while (wait.ms > 0 && !pool->timing.stopped(pool->timing.context)) {
        struct warm_image *image;

        lock(pool);
        image = warm_queue_take(pool->queue, now_ms(pool), &wait);
        runner->image = image;
        pool->wait = wait;
        unlock(pool);
        if (image) {
            import(runner, image);
            wait.ms = 1;
        } else if (wait.ms > 0) {
            (void)pool->timing.wait(pool->timing.context,
                                    wait.upstream >= 0 && wait.ms < 200 ? wait.ms : 200);
        }
    }
    lock(pool);
    pool->n_ended++;
    unlock(pool);
    return NULL;
}

/* What is under way, or else why nothing is. Under the lock. */
static void describe(const struct pool *pool, char text[static WORD_BYTES])
{
    const struct rule_set *rules = pool->work->rules->rules;
    const struct runner *shown = NULL;
    size_t n = 0;

    for (size_t i = 0; i < pool->n_runners; i++)
        if (pool->runners[i].image) {
            shown = &pool->runners[i];
            n++;
        }
    if (shown) {
        int len = (int)(shown->image->name.len < NAME_SHOWN ? shown->image->name.len : NAME_SHOWN);
        int at = snprintf(text, WORD_BYTES, "%s %.*s",
                          shown->waits ? "waiting until ECR has" : "importing", len,
                          shown->image->name.ptr);

        if (n > 1)
            (void)snprintf(text + at, WORD_BYTES - (size_t)at, " and %zu more", n - 1);
    } else if (pool->wait.upstream >= 0) {
        struct slice registry = rule_set_registry(rules, pool->wait.upstream);
        uint64_t seconds = pool->wait.ms / 1000 + 1;

        if (pool->wait.per_hour)
            (void)snprintf(text, WORD_BYTES, "%.*s has had its %u an hour: the next in %llu min",
                           SLICE_FMT(registry), pool->wait.per_hour,
                           (unsigned long long)seconds / 60 + 1);
        else
            (void)snprintf(text, WORD_BYTES, "%.*s is busy or silent: again in %llu s",
                           SLICE_FMT(registry), (unsigned long long)seconds);
    } else {
        (void)snprintf(text, WORD_BYTES, "ending");
    }
}

/* Whether all runners have ended. */
static bool say_how_far(struct pool *pool)
{
    const struct warm_list *list = pool->work->list;
    char doing[WORD_BYTES];
    uint64_t bytes = 0;
    size_t left;
    bool ended;

    lock(pool);
    left = warm_list_count(list, WARM_MISSING, &bytes);
    ended = pool->n_ended == pool->n_runners;
    describe(pool, doing);
    unlock(pool);
    progress_update(pool->work->progress, "%zu of %zu done; %s", list->n - left, list->n, doing);
    (void)pool->timing.stopped(pool->timing.context); /* a line may be due */
    return ended;
}

/* Until all have ended. 0, or the signal that told them to. */
static int watch(struct pool *pool, const sigset_t *signals, const sigset_t *before)
{
    const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    int ended_by = 0;

    while (!say_how_far(pool)) {
        int signal = sigtimedwait(signals, NULL, &tick);

        if (signal <= 0 || ended_by)
            continue;
        ended_by = signal;
        atomic_store(&pool->work->clock->stopped, true);
        (void)pthread_sigmask(SIG_SETMASK, before, NULL); /* the next one ends us at once */
    }
    return ended_by;
}

static int make_runners(struct pool *pool, struct error *error)
{
    for (size_t i = 0; i < WARM_AT_ONCE; i++) {
        struct runner *runner = &pool->runners[i];

        runner->pool = pool;
        if (aws_access_http(&runner->http, &pool->work->rules->config, pool->work->profile,
                            &pool->timing, error) < 0)
            return -1;
        runner->client = image_client_new(&(struct image_client_config){
            .aws = pool->work->rules->client,
            .http = runner->http,
            .timing = &pool->timing,
            .host = pool->host,
            .lock = &pool->aws,
        });
    }
    return 0;
}

static void free_runners(struct pool *pool)
{
    for (size_t i = 0; i < WARM_AT_ONCE; i++) {
        image_client_free(pool->runners[i].client);
        http_client_free(pool->runners[i].http);
    }
    free(pool->host);
}

static void fill_queue(struct pool *pool)
{
    const struct warm_work *work = pool->work;
    const struct config *config = &work->rules->config;

    pool->queue = warm_queue_new(config->n_upstreams, work->timeout_ms);
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (strcmp(config->upstreams[i].url, "registry-1.docker.io") == 0)
            warm_queue_pace(pool->queue, (int)i,
                            work->per_hour ? work->per_hour : config->import.per_hour[i].number);
    for (size_t i = 0; i < work->list->n; i++)
        if (work->list->items[i].state == WARM_MISSING)
            warm_queue_add(pool->queue, &work->list->items[i]);
}

/* As many as the system gives, which suffices if it is one. */
static int start_runners(struct pool *pool, struct error *error)
{
    int result = 0;

    lock(pool); /* they look how many there are */
    while (result == 0 && pool->n_runners < WARM_AT_ONCE) {
        struct runner *runner = &pool->runners[pool->n_runners];

        result = pthread_create(&runner->thread, NULL, run, runner);
        pool->n_runners += result == 0;
    }
    unlock(pool);
    return pool->n_runners > 0 ? 0 : error_set(error, "no thread: %s", strerror(result));
}

/* With the signals blocked, in all threads. */
static int import_all(struct pool *pool, const sigset_t *signals, const sigset_t *before,
                      struct error *error)
{
    int ended_by;

    if (start_runners(pool, error) < 0)
        return -1;
    progress_begin(pool->work->progress, "importing");
    ended_by = watch(pool, signals, before);
    for (size_t i = 0; i < pool->n_runners; i++)
        alloc_must(pthread_join(pool->runners[i].thread, NULL) == 0);
    progress_end(pool->work->progress);
    return ended_by;
}

/* Those that end us. One that we were started to ignore would be told to who waits for it. */
static sigset_t ending_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    sigset_t signals;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction action;

        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            (void)sigaddset(&signals, numbers[i]);
    }
    return signals;
}

int warm_import(const struct warm_work *work, struct error *error)
{
    struct pool pool = {
        .work = work,
        .timing = warm_clock_timing(work->clock),
        .host = alloc_text(rule_set_host(work->rules->rules)),
        .aws = PTHREAD_MUTEX_INITIALIZER,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    const sigset_t signals = ending_signals();
    sigset_t before;
    int result = make_runners(&pool, error);

    if (result == 0) {
        (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
        fill_queue(&pool);
        result = import_all(&pool, &signals, &before, error);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    warm_queue_free(pool.queue);
    free_runners(&pool);
    return result;
}
