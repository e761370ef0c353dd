/*
 * What a command is waiting for, on standard error, once it takes over a second: on a terminal
 * one line that changes, else lines that come less and less often, since they are in the way of
 * what is said in the end.
 *
 * It learns of passing time by the timing that blocking code asks while it waits.
 */
#ifndef PULLTHROUGH_APP_CLI_PROGRESS_H
#define PULLTHROUGH_APP_CLI_PROGRESS_H

#include "pullthrough/edge/sys/timing.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *command; /* "verify": stands in front */
    char doing[256];     /* "" while nothing is waited for */
    uint64_t since_ms, said_ms, again_ms;
    bool terminal, shown;
};

void progress_init(struct progress *progress, const char *command);

/* From now on this is waited for; takes the place of what was. */
void progress_begin(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* It is still waited for, in other words: the seconds go on. */
void progress_reword(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, but only shown when a line is due anyway. */
void progress_update(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Nothing any more: a line on a terminal is wiped. */
void progress_end(struct progress *progress);
#define PROGRESS_CLEANUP __attribute__((cleanup(progress_end)))

/* The process's own timing, with an eye on the clock. Never stopped. */
struct timing progress_timing(struct progress *progress);

#endif
