/*
 * Which stuck container to look at next, and when: those that nodes have reported (a look soon, and
 * again while the pod's status lags behind), and those that were healed (a look later, whether
 * they pull under their own name).
 *
 * Namespaces take turns, so that none of them keeps the others waiting, whatever it reports: what
 * is new and what was told before, as to one that begins, have turns of their own. Within one,
 * first come, first served; but of pulls that may last the one that failed last goes first: such an
 * entry is only good until the node may be trying again, and is dropped then. Kubelet waits 10 s
 * after a pull's first failure and twice as long after each other one, up to 300 s
 * (pkg/kubelet/kubelet.go, imageBackOffPeriod, MaxImageBackOff).
 *
 * A queue of one thread, without a clock. Bounded in number, in how often an entry comes, and in
 * how many come in a second, whatever a cluster or a liar reports. It is not persisted: a heal
 * that was under way when the process ended is another replica's, or comes with the next report.
 */
#ifndef PULLTHROUGH_CORE_FALLBACK_HEAL_QUEUE_H
#define PULLTHROUGH_CORE_FALLBACK_HEAL_QUEUE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/fallback/fallback.h"

#include <stdint.h>

enum {
    HEAL_QUEUE_MAX = 1024, /* entries, of each kind */
    /* Kubelet's Event comes 0.2 to 1 s before the status that confirms it, and replicas race: the
     * first look is after up to this long, the next ones so long after it. */
    HEAL_QUEUE_SPREAD_MS = 500,
    /* A healed container that can't be pulled under its own name is left alone for so long. */
    HEAL_QUEUE_LATER_MS = 5 * 60 * 1000,
    HEAL_QUEUE_LATER_LOOKS = 24, /* and looked at so often at most, two hours in all */
    /* Of the first kind; and as many of the second. */
    HEAL_QUEUE_LOOKS_PER_SECOND = 20,
    HEAL_QUEUE_HEALS_PER_SECOND = 5,
    /* What a heal may take: so much earlier than the node tries again it is too late for one. */
    HEAL_QUEUE_HEAL_MS = 2000,
};

enum heal_look {
    HEAL_LOOK_REPORTED, /* a node could not pull it */
    HEAL_LOOK_HEALED,   /* it was healed a while ago */
};

/* Any texts; what is longer than a Kubernetes name or a reference may be is not queued. */
struct heal_entry {
    enum heal_look look;
    struct slice namespace, pod, uid, list, container;
    struct slice image; /* that failed, or that it was healed to */
    /* Of HEAL_LOOK_REPORTED; a later report of the same replaces these. */
    enum pull_class class;
    uint64_t failed_ms; /* when it did last */
    unsigned failures;  /* of this pull so far, at least; 0 is 1 */
    bool replayed;      /* it was told before: of four looks one, of the room half at most */
    bool unsure;        /* of what the queue gives: as heal_queue_again() was told */
};

struct heal_queue;

struct heal_queue *heal_queue_new(void);
void heal_queue_free(struct heal_queue *queue); /* NULL is allowed */

/* Copies the texts. `random`: any 32 random bits. 0; or
 * HEAL_QUEUE_INSTEAD: it is in another's place, of the namespace that has most, which is dropped;
 * HEAL_QUEUE_KNOWN: it waits already; HEAL_QUEUE_STALE: it is too late for it;
 * HEAL_QUEUE_FULL: there is no room, or its texts are too long. */
enum { HEAL_QUEUE_INSTEAD = 1, HEAL_QUEUE_KNOWN, HEAL_QUEUE_STALE, HEAL_QUEUE_FULL };
int heal_queue_add(struct heal_queue *queue, const struct heal_entry *entry, uint64_t now_ms,
                   uint32_t random);

/* The entry that is due, which stays as it is until it is settled; NULL if none is: *wait_ms is
 * then how long until one may be, UINT64_MAX where there is none. Each call that returns an entry
 * is a look, to be settled before the next one. */
const struct heal_entry *heal_queue_next(struct heal_queue *queue, uint64_t now_ms,
                                         uint64_t *wait_ms);
/* Of the entry that came last: it is about to be healed, which puts off the next look. */
void heal_queue_heals(struct heal_queue *queue, uint64_t now_ms);
/* It is done with; or it is to come again, after a while. False: it came often enough, and is done
 * with, too. `unsure`: it may have been healed, and nobody heard of it; that stays. */
void heal_queue_done(struct heal_queue *queue);
bool heal_queue_again(struct heal_queue *queue, uint64_t now_ms, bool unsure);

/* How many it was too late for when their turn would have come, since the last call. */
size_t heal_queue_take_stale(struct heal_queue *queue);

size_t heal_queue_length(const struct heal_queue *queue);

#endif
