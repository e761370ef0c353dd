/*
 * One attempt after the other; when the next one begins and where it goes on is kube_watch's
 * decision. Here it is made, and told.
 */
#include "pull_watch.h"

#include "pullthrough/app/base/kube_access.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/kube/kube_events.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>
#include <string.h>

struct pull_watch {
    struct pull_watch_parts parts;
    struct worker worker; /* an order is another `wanted` */

    /* Under the worker's lock. */
    bool wanted;
    enum pull_watch_state state;

    /* The thread's own. */
    struct timing timing;
    struct kube_client *client;
    struct kube_watch place;
    struct kube_events_tally tally;
    bool opened; /* by the attempt that is going on */
    /* Versions of Events: the newest, and what it was when the attempt began. */
    char newest[KUBE_VERSION_BYTES], known[KUBE_VERSION_BYTES];
};

const char *pull_watch_state_name(enum pull_watch_state state)
{
    static const char *const names[] = {
        [PULL_WATCH_OFF] = "off",       [PULL_WATCH_STARTING] = "starting",
        [PULL_WATCH_ON] = "on",         [PULL_WATCH_FORBIDDEN] = "forbidden",
        [PULL_WATCH_BROKEN] = "broken",
    };

    return names[state];
}

static bool on_stopped(void *context)
{
    struct pull_watch *watch = context;

    return worker_asks_whether_over(&watch->worker);
}

static uint64_t now_ms(const struct pull_watch *watch)
{
    return watch->timing.monotonic_ms(watch->timing.context);
}

/* The state before. */
static enum pull_watch_state enter(struct pull_watch *watch, enum pull_watch_state state)
{
    enum pull_watch_state before;

    worker_lock(&watch->worker);
    before = watch->state;
    watch->state = state;
    worker_unlock(&watch->worker);
    if (before != state)
        watch->parts.on_state(watch->parts.context);
    return before;
}

static void on_open(void *context)
{
    struct pull_watch *watch = context;
    enum pull_watch_state before = enter(watch, PULL_WATCH_ON);

    watch->opened = true;
    if (before != PULL_WATCH_ON)
        log_event(LOG_LEVEL_INFO, "failed pulls are watched",
                  LOG_TEXT("before", pull_watch_state_name(before)));
}

static void tell_tally(struct pull_watch *watch)
{
    metrics_unheard(watch->parts.metrics, METRICS_UNHEARD_TOO_LONG, watch->tally.too_long);
    metrics_unheard(watch->parts.metrics, METRICS_UNHEARD_MALFORMED, watch->tally.malformed);
}

/* Versions are etcd's numbers, without zeros before them. */
static bool is_newer(const char *version, const char *than)
{
    size_t digits = strlen(version), than_digits = strlen(than);

    return digits != than_digits ? digits > than_digits : strcmp(version, than) > 0;
}

/* A watch that begins anew tells the last hour again, and first by names: within it versions go up
 * and down. All in all they only grow; where etcd was put back to an older state, what is new
 * passes for known for a while. */
static void on_event(void *context, const struct kube_watch_event *event)
{
    struct pull_watch *watch = context;
    bool again = !is_newer(event->version, watch->known);

    if (on_stopped(watch))
        return; /* the attempt ends within a second; by then nobody wants to know */
    tell_tally(watch);
    if (is_newer(event->version, watch->newest))
        memcpy(watch->newest, event->version, sizeof(watch->newest));
    if (event->type == KUBE_WATCH_ADDED || event->type == KUBE_WATCH_MODIFIED)
        watch->parts.on_event(watch->parts.context, event, again);
}

/* Said when it begins, not with each attempt. Outside of a cluster there is nothing to watch, and
 * nothing wrong. */
static void fail(struct pull_watch *watch, enum pull_watch_state state, const char *problem)
{
    const struct environment environment = environment_of_process();
    struct error error;
    bool outside = kube_client_check(&environment, &error) != 0;

    if (enter(watch, state) != state)
        log_event(outside ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "failed pulls are not watched",
                  LOG_TEXT("problem", problem));
}

/* How long until the next one, in milliseconds. */
static uint64_t attempt(struct pull_watch *watch)
{
    const struct kube_events_watch how = {
        .on_open = on_open, .on_event = on_event, .context = watch};
    struct error error = {""};
    uint64_t wait_ms;
    int status;

    if (!watch->client && kube_access_client(&watch->client, &watch->timing, &error)) {
        fail(watch, PULL_WATCH_BROKEN, error.text);
        return UINT32_MAX; /* the environment doesn't change */
    }
    watch->opened = false;
    memcpy(watch->known, watch->newest, sizeof(watch->known));
    kube_watch_begin(&watch->place, now_ms(watch));
    status = kube_events_watch(watch->client, &watch->place, &how, &watch->tally, &error);
    tell_tally(watch);
    if (on_stopped(watch))
        return 0;
    (void)kube_watch_end(&watch->place, status, now_ms(watch),
                         watch->timing.random(watch->timing.context), &wait_ms);
    if (watch->place.forbidden)
        fail(watch, PULL_WATCH_FORBIDDEN, error.text);
    else if (!watch->opened) /* one that was cut begins again, and nobody need know */
        fail(watch, PULL_WATCH_BROKEN, error.text);
    return wait_ms;
}

static void *run(void *context)
{
    struct pull_watch *watch = context;

    while (!worker_is_stopping(&watch->worker)) {
        uint64_t ms = UINT32_MAX; /* until it is wanted */
        bool wanted;

        worker_lock(&watch->worker);
        (void)worker_take(&watch->worker);
        wanted = watch->wanted;
        worker_unlock(&watch->worker);
        if (!wanted)
            (void)enter(watch, PULL_WATCH_OFF);
        else
            ms = attempt(watch);
        (void)worker_wait(&watch->worker, ms);
    }
    return NULL;
}

struct pull_watch *pull_watch_new(const struct pull_watch_parts *parts)
{
    struct pull_watch *watch = alloc_zeroed(1, sizeof(*watch));

    watch->parts = *parts;
    watch->timing = timing_of_process();
    watch->timing.stopped = on_stopped;
    watch->timing.context = watch;
    worker_init(&watch->worker);
    return watch;
}

int pull_watch_start(struct pull_watch *watch, struct error *error)
{
    return worker_start(&watch->worker, run, watch, "pulls", error);
}

void pull_watch_want(struct pull_watch *watch, bool wanted)
{
    worker_lock(&watch->worker);
    if (wanted != watch->wanted) {
        watch->wanted = wanted;
        watch->state = wanted ? PULL_WATCH_STARTING : PULL_WATCH_OFF;
        worker_renew(&watch->worker);
    }
    worker_unlock(&watch->worker);
}

enum pull_watch_state pull_watch_state(struct pull_watch *watch)
{
    enum pull_watch_state state;

    worker_lock(&watch->worker);
    state = watch->state;
    worker_unlock(&watch->worker);
    return state;
}

void pull_watch_end(struct pull_watch *watch)
{
    worker_end(&watch->worker);
}

void pull_watch_free(struct pull_watch *watch)
{
    if (!watch)
        return;
    worker_stop(&watch->worker);
    kube_client_free(watch->client);
    worker_fini(&watch->worker);
    free(watch);
}
