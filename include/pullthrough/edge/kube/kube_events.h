/*
 * Failed pulls as the cluster's nodes report them: a watch of Events, one blocking call an attempt.
 *
 *     kube_watch_begin(&watch, now_ms);
 *     status = kube_events_watch(client, &watch, &how, &tally, &error);
 *     kube_watch_end(&watch, status, now_ms, random, &wait_ms);
 *
 * Only Events with reason=Failed,type=Warning,involvedObject.kind=Pod: 29 KB where a watch of the
 * pods would be 4 MB. The token is read at each attempt. It holds one line, at most
 * KUBE_WATCH_LINE_MAX bytes, and what reading it takes (KUBE_WATCH_MEMORY_MAX), however many come.
 */
#ifndef PULLTHROUGH_EDGE_KUBE_KUBE_EVENTS_H
#define PULLTHROUGH_EDGE_KUBE_KUBE_EVENTS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/kube/kube_watch.h"
#include "pullthrough/edge/kube/kube_client.h"

#include <stdint.h>

enum {
    /* The server ends a watch itself after about so long (it is jittered, so that replicas don't
     * march in step). client-go asks for 5 to 10 minutes. */
    KUBE_EVENTS_TIMEOUT_S = 300,
    /* A connection that is silent for longer than that is no more. Bookmarks would let it be
     * shorter, but Events have none (kube_watch.h). */
    KUBE_EVENTS_IDLE_S = KUBE_EVENTS_TIMEOUT_S * 6 / 5 + 30,
};

struct kube_events_watch {
    unsigned timeout_s; /* 0: KUBE_EVENTS_TIMEOUT_S */
    unsigned idle_s;    /* cut where nothing came for so long; 0: KUBE_EVENTS_IDLE_S */
    /* Called once the server has taken the watch; or NULL. watch->forbidden is as it was before. */
    void (*on_open)(void *context);
    /* Called for each object, on the calling thread; the event dies when it returns. */
    void (*on_event)(void *context, const struct kube_watch_event *event);
    void *context;
};

/* Only ever counted up. */
struct kube_events_tally {
    uint64_t events;    /* handed to on_event */
    uint64_t too_long;  /* lines over KUBE_WATCH_LINE_MAX, passed over */
    uint64_t malformed; /* lines that kube_watch_decode() refused, passed over */
};

/* Watch from watch->version on, until the server ends it, it breaks, falls silent, says an ERROR,
 * or the client's stopped() says so (asked about every second, and while lines come).
 * Returns what kube_watch_end() wants: the HTTP status, where 200 is one that the server ended; or
 * 0, with the reason in error, where there was no answer or it was cut or stopped. With another
 * status than 200 error says why, naming what RBAC would have to allow. The client must not be used
 * by another thread meanwhile. */
int kube_events_watch(struct kube_client *client, struct kube_watch *watch,
                      const struct kube_events_watch *how, struct kube_events_tally *tally,
                      struct error *error);

#endif
