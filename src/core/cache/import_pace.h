/*
 * How fast: so many imports in an hour, and pauses that grow while they don't help.
 */
#ifndef PULLTHROUGH_CORE_CACHE_IMPORT_PACE_H
#define PULLTHROUGH_CORE_CACHE_IMPORT_PACE_H

#include "pullthrough/core/cache/import_plan.h"

/* Of the last 60 minutes and the one that has begun: so never more than per_hour in any hour. */
enum { WINDOW_MINUTES = 61 };

struct import_window {
    unsigned per_hour, sum;
    int64_t minute;
    uint16_t grants[WINDOW_MINUTES]; /* by minute, modulo */
};

/* How many it would grant now, and taking one, which there must be. */
unsigned import_window_left(struct import_window *window, int64_t now_ms);
void import_window_take(struct import_window *window, int64_t now_ms);

struct import_stop {
    struct import_pause pause;
    unsigned times; /* in a row */
};

/* Longer each time, from the length that goes with `why`, up to its most. */
void import_stop_begin(struct import_stop *stop, enum image_outcome why, int64_t now_ms,
                       uint32_t random);
/* The same for an upstream, whose limits count by hours. */
void import_stop_upstream(struct import_stop *stop, int64_t now_ms, uint32_t random);
/* It was answered: the next pause is a first one. */
void import_stop_end(struct import_stop *stop);
bool import_stop_holds(const struct import_stop *stop, int64_t now_ms);

/* After `times` failures in a row (from 0): doubling from first_ms to most_ms, a fifth more or
 * less. */
int64_t import_delay_ms(unsigned times, int64_t first_ms, int64_t most_ms, uint32_t random);

#endif
