/*
 * A program of the user's, run to its end: without a shell, for a bounded time, with a bounded
 * output. For commands only; the service starts no programs.
 */
#ifndef PULLTHROUGH_EDGE_SYS_CHILD_H
#define PULLTHROUGH_EDGE_SYS_CHILD_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdint.h>

struct child {
    char *const *words; /* the program, looked for in PATH, and its arguments; NULL ends them */
    uint64_t limit_ms;
    const struct timing *timing; /* asked several times a second whether to stop */
};

enum { CHILD_FAILED = 1 };

/* Run it with our environment and terminal (its standard input is empty where ours is no terminal),
 * in a process group of its own, which is killed where it takes too long, writes more to standard
 * output than `out` takes, or is to stop. Of what it writes to standard error `err` takes the end,
 * as much as fits. 0: it ended with status 0. CHILD_FAILED: it ended otherwise. -1: it could not be
 * started, or was killed. The reason is in error, and says nothing of its arguments and its output.
 * Where it had the terminal and ended by SIGINT or SIGQUIT, that is sent to us, too. */
int child_run(const struct child *child, struct strbuf *out, struct strbuf *err,
              struct error *error);

#endif
