/*
 * Only the two clocks that the program needs: wall time for certificates and signatures,
 * monotonic time for waits. A clock that fails isn't survived.
 */
#include "pullthrough/edge/sys/clock.h"

#include <stdlib.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec at;

    if (clock_gettime(clock, &at) != 0)
        abort(); /* only for a clock that doesn't exist */
    return at;
}

uint64_t clock_monotonic_ns(void)
{
    struct timespec at = now(CLOCK_MONOTONIC);

    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

int64_t clock_wall_s(void)
{
    return now(CLOCK_REALTIME).tv_sec;
}

int64_t clock_wall_ms(void)
{
    struct timespec at = now(CLOCK_REALTIME);

    return (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}
