/*
 * What time it is. core takes time as an argument; this is where it comes from.
 */
#ifndef PULLTHROUGH_EDGE_SYS_CLOCK_H
#define PULLTHROUGH_EDGE_SYS_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that never jumps; only differences mean something. */
uint64_t clock_monotonic_ns(void);
/* Seconds, and milliseconds, since 1970-01-01T00:00:00Z. */
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);

#endif
