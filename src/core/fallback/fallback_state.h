/*
 * The state's insides, for the table that is made of it.
 */
#ifndef PULLTHROUGH_CORE_FALLBACK_FALLBACK_STATE_H
#define PULLTHROUGH_CORE_FALLBACK_FALLBACK_STATE_H

#include "pullthrough/core/fallback/fallback_table.h"

/* An image or an upstream. */
struct fallback_item {
    struct fallback_entry entry; /* owns its name */
    size_t prefix_bytes;         /* of the name: its upstream's prefix */
    int64_t next_ms;             /* how long it will be the next time */
    bool live;                   /* else over, and only remembered */
    bool again;                  /* it has been over before */
};

struct fallback_list {
    struct fallback_item *items; /* in no order */
    size_t n, most;
};

struct fallback {
    int64_t remember_ms;
    int64_t now_ms;
    int64_t due_ms; /* nothing of the lists ends before */
    struct fallback_list images, upstreams;
    uint64_t dropped;

    bool open, ever_changed;
    int64_t changed_ms;     /* when it was opened or closed last */
    int64_t news_ms;        /* the last probe, or sign that it is down */
    int64_t ripe_ms;        /* until then the signs are enough to open it */
    unsigned failed, alive; /* probes in a row; `alive` begins anew when it opens */
    /* Signs that it is down, all from one node: from a second one they would be enough. */
    struct {
        int64_t at_ms;
        size_t bytes;
        char image[FALLBACK_NAME_MAX];
    } signs[FALLBACK_REGISTRY_IMAGES - 1];
    size_t n_signs, node_bytes;
    char node[FALLBACK_NODE_MAX];
};

#endif
