/*
 * What a running server is at one moment, for those who answer: an immutable, counted value that
 * the upkeep thread publishes and each loop holds. A loop has a place of its own where the newest
 * one is laid; publishing and taking are one atomic exchange each, so that nobody waits.
 */
#ifndef PULLTHROUGH_APP_SERVE_SNAPSHOT_H
#define PULLTHROUGH_APP_SERVE_SNAPSHOT_H

#include "pullthrough/core/base/references.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/cache/image_set.h"
#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/sys/metrics.h"

/* What a replica that has just started had better know before it is sent reviews. */
enum snapshot_awaits {
    SNAPSHOT_AWAITS_NOTHING,
    SNAPSHOT_AWAITS_PASS,    /* the first, without which the rules say nothing */
    SNAPSHOT_AWAITS_LISTING, /* that, and what ECR holds, without which no image goes there */
};

/* Members are to be read only, and live as long as a reference does. */
struct snapshot {
    struct references references;
    struct rule_set *rules;
    struct fallback_table *fallback; /* NULL: all goes to the cache */
    struct image_set
        *cached;  /* what ECR holds; the one thing that others change. NULL: not asked */
    char *status; /* the text of /status: a JSON object's members, without braces */
    enum snapshot_awaits awaits;
    size_t n_slots;
    unsigned slots[]; /* of the rules' upstreams, for metrics_image() */
};

/* Takes over `rules`, the references to `fallback` and `cached`, and the text of `status` (empty
 * after). The caller has the one reference. */
struct snapshot *snapshot_new(struct rule_set *rules, struct fallback_table *fallback,
                              struct image_set *cached, struct metrics *metrics,
                              struct strbuf *status, enum snapshot_awaits awaits);
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
