/*
 * `pullthrough warm` at work: what ECR has is looked for first, by the main thread; then what is
 * missing is imported by several threads, which share the client of AWS and what it knows of whose
 * keys they are: a person is asked for a code once.
 */
#ifndef PULLTHROUGH_APP_CLI_WARM_WORK_H
#define PULLTHROUGH_APP_CLI_WARM_WORK_H

#include "progress.h"
#include "warm_list.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WARM_AT_ONCE = 4 };

/* The time of all of them. On the main thread it shows the progress. */
struct warm_clock {
    struct timing shown;
    pthread_t main;
    atomic_bool stopped;
};
void warm_clock_init(struct warm_clock *clock, struct progress *progress);
struct timing warm_clock_timing(struct warm_clock *clock);

/* All borrowed. */
struct warm_work {
    struct warm_list *list;
    const struct scan_rules *rules; /* with the client that asked, which goes by `clock` */
    struct warm_clock *clock;
    struct progress *progress;
    const char *profile; /* of AWS's shared files; or NULL */
    uint64_t timeout_ms; /* for an image */
    unsigned per_hour;   /* of Docker Hub; 0: as the configuration says */
};

/* Ask ECR for each image. -1 with the reason where it doesn't say. */
int warm_look(const struct warm_work *work, struct error *error);

/* Import what is missing, until ECR has it or it can't be had. 0; the number of the signal (SIGINT,
 * SIGTERM) that ended it early, with nothing left under way; or -1 with the reason: nothing was
 * done. Blocks these signals meanwhile; a second one ends the program. */
int warm_import(const struct warm_work *work, struct error *error);

#endif
