/*
 * A thread that works by orders: it works for the order that was given last, waits, and works
 * again; another order or the end cuts both short.
 *
 * The owner embeds a worker, keeps what it shares with the thread under worker_lock(), and gives an
 * order by writing it there and calling worker_renew().
 */
#ifndef PULLTHROUGH_EDGE_SYS_WORKER_H
#define PULLTHROUGH_EDGE_SYS_WORKER_H

#include "pullthrough/core/base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Members are the module's own. */
struct worker {
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* over the rest */
    pthread_cond_t wake;
    bool stop, roused;
    unsigned order, working_for; /* numbers of orders; 0 is none */
};

void worker_init(struct worker *worker);

/* Run `work` in a thread; it returns when worker_is_stopping(). -1 where the system has no thread
 * for it, and *error says so of `name`. */
int worker_start(struct worker *worker, void *(*work)(void *context), void *context,
                 const char *name, struct error *error);

/* Tell the thread to end, and don't wait: for the owner of several. Without the lock. */
void worker_end(struct worker *worker);
/* End the thread, if it was started, and wait for it. From the owner, without the lock. */
void worker_stop(struct worker *worker);
/* After worker_stop(). */
void worker_fini(struct worker *worker);

void worker_lock(struct worker *worker);
void worker_unlock(struct worker *worker);

/* Under the lock: there is another order. */
void worker_renew(struct worker *worker);
/* Under the lock, from the thread: take the order that was given last. False where it is the one
 * that is worked for. */
bool worker_take(struct worker *worker);
/* Under the lock: what is worked on is wanted no more. */
bool worker_is_over(const struct worker *worker);

/* The same without the lock; a pointer to the worker as context, for struct timing. */
bool worker_asks_whether_over(struct worker *worker);
bool worker_is_stopping(struct worker *worker);

/* End the present or the next wait; the order stays. Without the lock, from any thread. */
void worker_rouse(struct worker *worker);

/* Wait for `ms` milliseconds of the monotonic clock, without the lock, from the thread. False where
 * it was cut short by another order or the end. */
bool worker_wait(struct worker *worker, uint64_t ms);

#endif
