/*
 * What the kernel says about this process (Linux, /proc/self).
 */
#ifndef PULLTHROUGH_EDGE_PROCESS_H
#define PULLTHROUGH_EDGE_PROCESS_H

#include <stdint.h>

struct process_facts {
    double cpu_s;        /* user and system time */
    double start_time_s; /* since 1970 */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
};

/* What can't be read is 0. */
struct process_facts process_facts_now(void);

#endif
