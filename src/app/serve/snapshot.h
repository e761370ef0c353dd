/*
 * What a running server is at one moment, for those who answer: an immutable, counted value that
 * the upkeep thread publishes and each loop holds. A loop has a place of its own where the newest
 * one is laid; publishing and taking are one atomic exchange each, so that nobody waits.
 */
#ifndef PULLTHROUGH_APP_SERVE_SNAPSHOT_H
#define PULLTHROUGH_APP_SERVE_SNAPSHOT_H

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Members are to be read only, and live as long as a reference does. */
struct snapshot {
    atomic_uint references;
    struct rule_set *rules;
    struct fallback_table *fallback; /* NULL: all goes to the cache */
    char *status; /* the text of /status: a JSON object's members, without braces */
    bool waiting; /* for the first pass, without which the rules say nothing */
    size_t n_slots;
    unsigned slots[]; /* of the rules' upstreams, for metrics_image() */
};

/* Takes over `rules`, the reference to `fallback` and the text of `status` (empty after). The
 * caller has the one reference. */
struct snapshot *snapshot_new(struct rule_set *rules, struct fallback_table *fallback,
                              struct metrics *metrics, struct strbuf *status, bool waiting);
/* Any thread; the last one frees. NULL is allowed to the second. */
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* The slot of an upstream for metrics_image(): METRICS_OTHER for -1. */
unsigned snapshot_slot(const struct snapshot *snapshot, int upstream);

/* The loops' places. */
struct snapshots;

struct snapshots *snapshots_new(unsigned loops);
/* When no loop runs any more. NULL is allowed. */
void snapshots_free(struct snapshots *snapshots);

/* Give `snapshot` (one reference, taken over) to every loop; one that was not taken yet is
 * replaced. From one thread at a time. */
void snapshots_publish(struct snapshots *snapshots, struct snapshot *snapshot);

/* The newest one, which the loop holds until its next call, when there is a newer one. Only from
 * that loop's thread. NULL before the first is published. */
const struct snapshot *snapshots_current(struct snapshots *snapshots, unsigned loop);

#endif
