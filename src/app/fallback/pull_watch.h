/*
 * The thread that listens to the cluster's Events of failed pulls, as long as it is wanted. What
 * they say is the listener's business; where the permission is missing it is said once, and looked
 * for again every few minutes.
 */
#ifndef PULLTHROUGH_SRC_APP_FALLBACK_PULL_WATCH_H
#define PULLTHROUGH_SRC_APP_FALLBACK_PULL_WATCH_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/kube/kube_watch.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>
#include <stdint.h>

enum pull_watch_state {
    PULL_WATCH_OFF,       /* not wanted */
    PULL_WATCH_STARTING,  /* no attempt has come to an answer */
    PULL_WATCH_ON,        /* it was taken, and is going on or just begun again */
    PULL_WATCH_FORBIDDEN, /* RBAC doesn't allow it */
    PULL_WATCH_BROKEN,    /* there is no cluster around, or no answer */
};

const char *pull_watch_state_name(enum pull_watch_state state); /* "off", ... */

struct pull_watch_parts {
    struct metrics *metrics;
    /* From the thread, for each Event; it dies when this returns. `again`: an earlier attempt has
     * told it. */
    void (*on_event)(void *context, const struct kube_watch_event *event, bool again);
    void (*on_state)(void *context); /* from the thread: the state is another one */
    void *context;
};

struct pull_watch;

struct pull_watch *pull_watch_new(const struct pull_watch_parts *parts);
/* -1 with the reason. Signals must be blocked in the caller. */
int pull_watch_start(struct pull_watch *watch, struct error *error);
/* Tell the thread to end, which may take a second. */
void pull_watch_end(struct pull_watch *watch);
/* Ends the thread, if it runs, and frees everything. NULL is allowed. */
void pull_watch_free(struct pull_watch *watch);

/* Any thread. */
void pull_watch_want(struct pull_watch *watch, bool wanted);
enum pull_watch_state pull_watch_state(struct pull_watch *watch);

#endif
