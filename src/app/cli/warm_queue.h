/*
 * Which image to import next, and when: a queue for each upstream, so that one that has to wait
 * keeps no other waiting.
 *
 * No clock, no thread and no call of its own: `now_ms` is any time that only goes on, and whoever
 * takes an image tells what became of it.
 */
#ifndef PULLTHROUGH_APP_CLI_WARM_QUEUE_H
#define PULLTHROUGH_APP_CLI_WARM_QUEUE_H

#include "pullthrough/edge/aws/image_client.h"
#include "warm_list.h"

enum {
    WARM_PAUSE_MS = 5000, /* of an upstream that is asked too often; doubles to: */
    WARM_PAUSE_MAX_MS = 5 * 60 * 1000,
    WARM_AGAIN_MS = 2000, /* after no answer; doubles */
    WARM_TRIES_MAX = 3,   /* without an answer, of an image */
    WARM_SILENT_MAX = 4,  /* images in a row without an answer, of an upstream */
};

struct warm_queue;

/* For so many upstreams of the rule set. `timeout_ms`: how long an image is tried again. */
struct warm_queue *warm_queue_new(size_t n_upstreams, uint64_t timeout_ms);
void warm_queue_free(struct warm_queue *queue); /* NULL is allowed */

/* No more imports of this upstream in any hour. */
void warm_queue_pace(struct warm_queue *queue, int upstream, unsigned per_hour);

/* Borrows the image, which must stay where it is. */
void warm_queue_add(struct warm_queue *queue, struct warm_image *image);

/* Why nothing is to be done now. */
struct warm_wait {
    uint64_t ms;       /* until something may be; never 0 */
    int upstream;      /* that has to wait; -1: only for images that are under way */
    unsigned per_hour; /* by its pace, which is this; 0: it was asked too often, or is silent */
};

/* The image to import now; it is to be settled. NULL: *wait says until when, or with ms 0 that
 * nothing is left and nothing under way. */
struct warm_image *warm_queue_take(struct warm_queue *queue, uint64_t now_ms,
                                   struct warm_wait *wait);

/* What became of the image that was taken: IMAGE_THERE once ECR has it. What is passing puts it
 * back; what shows that no image of its upstream will fare better fails them all. */
void warm_queue_settle(struct warm_queue *queue, struct warm_image *image,
                       enum image_outcome outcome, const char *reason, const char *advice,
                       uint64_t now_ms);
/* It is given back as if it had never been taken. */
void warm_queue_give_back(struct warm_queue *queue, struct warm_image *image);

#endif
