/*
 * The real clocks, the kernel's randomness and a plain sleep, for callers that run to their
 * end; who can be stopped brings a wait of its own (worker).
 */
#include "pullthrough/edge/sys/timing.h"

#include "pullthrough/edge/sys/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t wall_s(void *context)
{
    (void)context;
    return clock_wall_s();
}

static uint64_t monotonic_ms(void *context)
{
    (void)context;
    return clock_monotonic_ns() / 1000000;
}

static uint32_t random_bits(void *context)
{
    uint32_t bits;
    ssize_t got;

    (void)context;
    do
        got = getrandom(&bits, sizeof(bits), 0);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(bits))
        abort(); /* no kernel that we run on refuses */
    return bits;
}

static bool wait_ms(void *context, uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)context;
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    return true;
}

static bool stopped(void *context)
{
    (void)context;
    return false;
}

struct timing timing_of_process(void)
{
    return (struct timing){.wall_s = wall_s,
                           .monotonic_ms = monotonic_ms,
                           .random = random_bits,
                           .wait = wait_ms,
                           .stopped = stopped};
}
