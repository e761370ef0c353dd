/*
 * Time, chance and waiting for blocking code, behind functions so that tests can give their
 * own and so that the program can cut a wait short when it stops.
 */
#ifndef PULLTHROUGH_EDGE_SYS_TIMING_H
#define PULLTHROUGH_EDGE_SYS_TIMING_H

#include <stdbool.h>
#include <stdint.h>

struct timing {
    int64_t (*wall_s)(void *context);         /* seconds since 1970 */
    uint64_t (*monotonic_ms)(void *context);  /* only differences mean something */
    uint32_t (*random)(void *context);        /* 32 random bits */
    bool (*wait)(void *context, uint64_t ms); /* true: waited; false: told to stop */
    bool (*stopped)(void *context);           /* whether to give up what is under way */
    void *context;
};

/* The real ones; never stopped. */
struct timing timing_of_process(void);

#endif
