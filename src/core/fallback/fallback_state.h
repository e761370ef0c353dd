/*
 * The state's insides: for the table that is made of it, and between its two halves, what is turned
 * away by name (fallback.c) and the whole registry (fallback_registry.c).
 */
#ifndef PULLTHROUGH_CORE_FALLBACK_FALLBACK_STATE_H
#define PULLTHROUGH_CORE_FALLBACK_FALLBACK_STATE_H

#include "pullthrough/core/fallback/fallback_table.h"

/* An image or an upstream. */
struct fallback_item {
    struct fallback_entry entry; /* owns its name */
    size_t prefix_bytes;         /* of the name: its upstream's prefix */
    int64_t next_ms[2]; /* how long it will be the next time: away from the cache; its own name */
    int64_t sick_ms;    /* of one that goes to the cache: until when it would be turned away */
    bool live;          /* else over, and only remembered */
    bool again;         /* it has been over before */
};

struct fallback_list {
    struct fallback_item *items; /* in no order */
    size_t n, most;
};

struct fallback_registry {
    bool open, ever_changed;
    bool answered;          /* the last probe was */
    int64_t changed_ms;     /* when it was opened or closed last */
    int64_t news_ms;        /* the last probe, or sign that it is down */
    int64_t sure_ms;        /* the same without probes that failed */
    unsigned failed, alive; /* probes in a row; both begin anew when it changes */
    /* Signs that it is down, each of another node or image; in no order. */
    struct fallback_sign {
        int64_t at_ms;
        size_t image_bytes, prefix_bytes, node_bytes, namespace_bytes;
        char image[FALLBACK_NAME_MAX], node[FALLBACK_NODE_MAX], namespace[FALLBACK_NAMESPACE_MAX];
    } signs[FALLBACK_SIGNS_MAX];
    size_t n_signs;
};

struct fallback {
    int64_t remember_ms;
    int64_t now_ms;
    int64_t due_ms; /* nothing of the lists ends before */
    struct fallback_list images, upstreams;
    uint64_t dropped;
    struct fallback_registry registry;
};

/* When it opens or closes next, as far as that is known; INT64_MAX: not by itself. */
int64_t fallback_registry_due(const struct fallback_registry *registry, int64_t now_ms);
/* Each returns what it changed. */
unsigned fallback_registry_settle(struct fallback_registry *registry, int64_t now_ms);
unsigned fallback_registry_probe(struct fallback_registry *registry, bool alive, int64_t now_ms);
unsigned fallback_registry_failure(struct fallback_registry *registry,
                                   const struct fallback_pull *pull, int64_t at_ms, int64_t now_ms);

#endif
