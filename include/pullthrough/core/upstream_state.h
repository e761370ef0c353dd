/*
 * How an upstream stands: metrics, /status and the documents use the words of
 * upstream_state_name(). Only ready upstreams are rewritten.
 */
#ifndef PULLTHROUGH_CORE_UPSTREAM_STATE_H
#define PULLTHROUGH_CORE_UPSTREAM_STATE_H

enum upstream_state {
    UPSTREAM_UNKNOWN, /* not enough is known to rewrite it */
    UPSTREAM_READY,
};
enum { UPSTREAM_STATE_COUNT = UPSTREAM_READY + 1 };

/* "unknown", "ready"; static storage. */
const char *upstream_state_name(enum upstream_state state);

#endif
