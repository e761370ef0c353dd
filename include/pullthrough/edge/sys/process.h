/*
 * What the kernel says about this process (Linux, /proc/self).
 */
#ifndef PULLTHROUGH_EDGE_SYS_PROCESS_H
#define PULLTHROUGH_EDGE_SYS_PROCESS_H

#include "pullthrough/core/base/error.h"

#include <stdint.h>

struct process_facts {
    double cpu_s;        /* user and system time */
    double start_time_s; /* since 1970; the same at each call, whatever is done to the clock */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t open_fds, max_fds;
};

/* What can't be read is 0. */
struct process_facts process_facts_now(void);

/* Descriptors 0 to 2 that are closed become /dev/null: else a socket gets the number, and the log
 * is written into it; standard output one that can't be written to, so that printing fails. Before
 * anything else is opened. */
void process_open_standard_streams(void);

/* Raise the limit of open descriptors to what the system allows this process, but to no more than
 * `most` (some systems allow a billion, and what loops over all would never end). Returns the
 * limit as it is then. */
uint64_t process_raise_descriptors(uint64_t most);

/* From now on no core dump of this process is written, and no other process of the same user
 * can read its memory. For programs that hold keys: libcurl and OpenSSL keep copies that can't be
 * wiped or left out of a dump one by one. A debugger cannot be attached any more, either. -1 with
 * the reason in error. */
int process_hide_memory(struct error *error);

#endif
