/*
 * Which stuck container to look at next, and when: those that nodes have reported (a look soon, and
 * again while the pod's status lags behind), and those that were healed (a look later, whether
 * they pull under their own name).
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
    HEAL_QUEUE_MAX = 512, /* entries, of each kind */
    /* Kubelet's Event comes 0.2 to 1 s before the status that confirms it, and replicas race: the
     * first look is after up to this long, the next ones so long after it. */
    HEAL_QUEUE_SPREAD_MS = 500,
    /* A healed container that can't be pulled under its own name is left alone for so long. */
    HEAL_QUEUE_LATER_MS = 5 * 60 * 1000,
    HEAL_QUEUE_LATER_LOOKS = 24, /* and looked at so often at most, two hours in all */
    HEAL_QUEUE_PER_SECOND = 5,   /* looks of the first kind; and as many of the second */
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
    enum pull_class class;
    uint64_t failed_ms; /* when it did; the owner's, as the class is */
};

struct heal_queue;

struct heal_queue *heal_queue_new(void);
void heal_queue_free(struct heal_queue *queue); /* NULL is allowed */

/* Copies the texts. `random`: any 32 random bits. 0; HEAL_QUEUE_KNOWN: it waits already;
 * HEAL_QUEUE_FULL: there is no room, or its texts are too long. */
enum { HEAL_QUEUE_KNOWN = 1, HEAL_QUEUE_FULL };
int heal_queue_add(struct heal_queue *queue, const struct heal_entry *entry, uint64_t now_ms,
                   uint32_t random);

/* The entry that is due, which stays the queue's until it is settled; NULL if none is: *wait_ms is
 * then how long until one may be, UINT64_MAX where there is none. Each call that returns an entry
 * is a look, to be settled by the next call. */
const struct heal_entry *heal_queue_next(struct heal_queue *queue, uint64_t now_ms,
                                         uint64_t *wait_ms);
/* Of the entry that came last: it is done with; or it is to come again, after a while. False: it
 * came often enough, and is done with, too. */
void heal_queue_done(struct heal_queue *queue);
bool heal_queue_again(struct heal_queue *queue, uint64_t now_ms);

size_t heal_queue_length(const struct heal_queue *queue);

#endif
