/*
 * Lock, condition and the number of the order. It knows nothing of the work, and never holds the
 * lock over it.
 */
#include "pullthrough/edge/sys/worker.h"

#include <string.h>
#include <time.h>

void worker_init(struct worker *worker)
{
    pthread_condattr_t monotonic;

    *worker = (struct worker){0};
    (void)pthread_mutex_init(&worker->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&worker->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

int worker_start(struct worker *worker, void *(*work)(void *context), void *context,
                 const char *name, struct error *error)
{
    int failed = pthread_create(&worker->thread, NULL, work, context);

    if (failed)
        return error_set(error, "cannot start the %s thread: %s", name, strerror(failed));
    worker->running = true;
    return 0;
}

void worker_end(struct worker *worker)
{
    worker_lock(worker);
    worker->stop = true;
    (void)pthread_cond_broadcast(&worker->wake);
    worker_unlock(worker);
}

void worker_stop(struct worker *worker)
{
    if (!worker->running)
        return;
    worker_end(worker);
    (void)pthread_join(worker->thread, NULL);
    worker->running = false;
}

void worker_fini(struct worker *worker)
{
    (void)pthread_cond_destroy(&worker->wake);
    (void)pthread_mutex_destroy(&worker->lock);
}

void worker_lock(struct worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
}

void worker_unlock(struct worker *worker)
{
    (void)pthread_mutex_unlock(&worker->lock);
}

void worker_renew(struct worker *worker)
{
    worker->order++;
    (void)pthread_cond_broadcast(&worker->wake);
}

bool worker_take(struct worker *worker)
{
    bool another = worker->order != worker->working_for;

    worker->working_for = worker->order;
    return another;
}

bool worker_is_over(const struct worker *worker)
{
    return worker->stop || worker->order != worker->working_for;
}

bool worker_asks_whether_over(struct worker *worker)
{
    bool over;

    worker_lock(worker);
    over = worker_is_over(worker);
    worker_unlock(worker);
    return over;
}

bool worker_is_stopping(struct worker *worker)
{
    bool stop;

    worker_lock(worker);
    stop = worker->stop;
    worker_unlock(worker);
    return stop;
}

void worker_rouse(struct worker *worker)
{
    worker_lock(worker);
    worker->roused = true;
    (void)pthread_cond_broadcast(&worker->wake);
    worker_unlock(worker);
}

bool worker_wait(struct worker *worker, uint64_t ms)
{
    struct timespec until;
    bool over;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    worker_lock(worker);
    while (!worker_is_over(worker) && !worker->roused)
        if (pthread_cond_timedwait(&worker->wake, &worker->lock, &until))
            break; /* it is time */
    worker->roused = false;
    over = worker_is_over(worker);
    worker_unlock(worker);
    return !over;
}
