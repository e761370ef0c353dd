/*
 * A program of the user's whose standard output is read as it comes, however much it is. It runs
 * beside us, in our process group, with our terminal and standard error: it may ask for a password,
 * and Ctrl-C ends both. For commands only; the service starts no programs.
 */
#ifndef PULLTHROUGH_EDGE_SYS_PIPED_H
#define PULLTHROUGH_EDGE_SYS_PIPED_H

#include "pullthrough/core/base/error.h"

struct piped {
    int fd; /* its standard output */
    int pid;
};

/* Start words[0], looked for in PATH, without a shell; NULL ends the words. PIPED_ABSENT: there is
 * no such program; -1: it can't be started. Both with the reason. */
enum { PIPED_ABSENT = 1 };
int piped_start(struct piped *piped, char *const *words, struct error *error);

/* Close the pipe, and wait until the program has ended: one that still writes ends by that. 0: with
 * status 0. PIPED_FAILED: with another; -1: by a signal. Both with how it ended in error, without
 * its name. */
enum { PIPED_FAILED = 1 };
int piped_end(struct piped *piped, struct error *error);

#endif
