/*
 * A list and a due time for each upstream. The pace is kept by the times of its last imports, as
 * many as it may have in an hour: the next one is due an hour after the oldest of them.
 */
#include "warm_queue.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

enum { HOUR_MS = 60 * 60 * 1000 };

struct line {
    struct warm_image *first, *last;
    uint64_t pause_until_ms, pause_ms;
    unsigned silent; /* images in a row without an answer */
    bool answered;   /* ECR has an image of it by us */
    unsigned per_hour;
    uint64_t *started_ms; /* of the last per_hour imports, the oldest at n_started % per_hour */
    uint64_t n_started;
};

struct warm_queue {
    struct line *lines;
    size_t n, turn; /* whose turn it is, so that none is always last */
    size_t n_taken;
    uint64_t timeout_ms;
};

struct warm_queue *warm_queue_new(size_t n_upstreams, uint64_t timeout_ms)
{
    struct warm_queue *queue = alloc_zeroed(1, sizeof(*queue));

    queue->lines = alloc_zeroed(n_upstreams, sizeof(*queue->lines));
    queue->n = n_upstreams;
    queue->timeout_ms = timeout_ms;
    return queue;
}

void warm_queue_free(struct warm_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; i < queue->n; i++)
        free(queue->lines[i].started_ms);
    free(queue->lines);
    free(queue);
}

void warm_queue_pace(struct warm_queue *queue, int upstream, unsigned per_hour)
{
    struct line *line = &queue->lines[upstream];

    line->per_hour = per_hour;
    line->started_ms = alloc_zeroed(per_hour, sizeof(*line->started_ms));
}

static void put_last(struct line *line, struct warm_image *image)
{
    image->next = NULL;
    if (line->last)
        line->last->next = image;
    else
        line->first = image;
    line->last = image;
}

static void put_first(struct line *line, struct warm_image *image)
{
    image->next = line->first;
    line->first = image;
    if (!line->last)
        line->last = image;
}

void warm_queue_add(struct warm_queue *queue, struct warm_image *image)
{
    put_last(&queue->lines[image->upstream], image);
}

/* When the pace allows the next one. */
static uint64_t paced_until(const struct line *line)
{
    return line->per_hour && line->n_started >= line->per_hour
               ? line->started_ms[line->n_started % line->per_hour] + HOUR_MS
               : 0;
}

static struct warm_image *take_first(struct warm_queue *queue, struct line *line, uint64_t now_ms)
{
    struct warm_image *image = line->first;

    line->first = image->next;
    if (!line->first)
        line->last = NULL;
    if (line->per_hour)
        line->started_ms[line->n_started++ % line->per_hour] = now_ms;
    if (!image->since_ms)
        image->since_ms = now_ms;
    queue->n_taken++;
    return image;
}

struct warm_image *warm_queue_take(struct warm_queue *queue, uint64_t now_ms,
                                   struct warm_wait *wait)
{
    *wait = (struct warm_wait){.upstream = -1};
    for (size_t i = 0; i < queue->n; i++) {
        size_t at = (queue->turn + i) % queue->n;
        struct line *line = &queue->lines[at];
        uint64_t paced_ms = paced_until(line);
        uint64_t due_ms = paced_ms > line->pause_until_ms ? paced_ms : line->pause_until_ms;

        if (!line->first)
            continue;
        if (due_ms <= now_ms) {
            queue->turn = at + 1;
            return take_first(queue, line, now_ms);
        }
        if (wait->ms == 0 || due_ms - now_ms < wait->ms)
            *wait = (struct warm_wait){
                .ms = due_ms - now_ms,
                .upstream = (int)at,
                .per_hour = paced_ms >= line->pause_until_ms ? line->per_hour : 0,
            };
    }
    if (wait->ms == 0 && queue->n_taken > 0)
        wait->ms = 1;
    return NULL;
}

/* No image of it will fare better. */
static void end_line(struct line *line, const char *reason, const char *advice)
{
    for (struct warm_image *image = line->first; image; image = image->next)
        warm_image_fail(image, reason, advice);
    line->first = line->last = NULL;
}

static void pause_line(struct line *line, uint64_t now_ms, uint64_t ms)
{
    if (now_ms + ms > line->pause_until_ms)
        line->pause_until_ms = now_ms + ms;
}

/* Asked too often: all of its images wait. Several that were under way together say it once. */
static bool waits_for_limit(struct line *line, uint64_t now_ms)
{
    if (line->pause_until_ms > now_ms)
        return true;
    line->pause_ms = line->pause_ms ? 2 * line->pause_ms : WARM_PAUSE_MS;
    if (line->pause_ms > WARM_PAUSE_MAX_MS)
        line->pause_ms = WARM_PAUSE_MAX_MS;
    pause_line(line, now_ms, line->pause_ms);
    return true;
}

/* Whether it is worth another try, for which it is put back. */
static bool try_again(const struct warm_queue *queue, struct line *line, struct warm_image *image,
                      enum image_outcome outcome, uint64_t now_ms)
{
    if (now_ms - image->since_ms >= queue->timeout_ms)
        return false;
    if (outcome == IMAGE_THROTTLED)
        return waits_for_limit(line, now_ms);
    if (outcome != IMAGE_NO_ANSWER || ++image->tries >= WARM_TRIES_MAX)
        return false;
    pause_line(line, now_ms, (uint64_t)WARM_AGAIN_MS << (image->tries - 1));
    return true;
}

/* Whether what this image met, the others will meet. */
static bool is_for_all(struct line *line, enum image_outcome outcome)
{
    line->silent = outcome == IMAGE_NO_ANSWER ? line->silent + 1 : 0;
    return outcome == IMAGE_THROTTLED || line->silent >= WARM_SILENT_MAX ||
           (outcome == IMAGE_DENIED && !line->answered);
}

void warm_queue_settle(struct warm_queue *queue, struct warm_image *image,
                       enum image_outcome outcome, const char *reason, const char *advice,
                       uint64_t now_ms)
{
    struct line *line = &queue->lines[image->upstream];

    queue->n_taken--;
    if (outcome == IMAGE_THERE) {
        image->state = WARM_IMPORTED;
        line->answered = true;
        line->silent = 0;
        line->pause_ms = 0;
    } else if (try_again(queue, line, image, outcome, now_ms)) {
        put_first(line, image);
    } else {
        warm_image_fail(image, reason, advice);
        if (is_for_all(line, outcome))
            end_line(line, reason, advice);
    }
}

void warm_queue_give_back(struct warm_queue *queue, struct warm_image *image)
{
    queue->n_taken--;
    put_first(&queue->lines[image->upstream], image);
}
