/*
 * An environment and a clock that a test sets: waiting takes no time but moves the clock.
 */
#ifndef PULLTHROUGH_TESTS_FAKE_SURROUNDINGS_H
#define PULLTHROUGH_TESTS_FAKE_SURROUNDINGS_H

#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/timing.h"

#include <stddef.h>
#include <stdint.h>

enum { FAKE_VARIABLES_MAX = 32, FAKE_WAITS_MAX = 64, FAKE_TIME_S = 1795262400 };

struct fake_surroundings {
    struct environment environment; /* both point back here: don't move it */
    struct timing timing;
    struct {
        char *name, *value;
    } variables[FAKE_VARIABLES_MAX];
    size_t n_variables;
    int64_t wall_s; /* 2026-11-21T12:00:00Z at first */
    uint64_t monotonic_ms;
    uint32_t random; /* the next ones too; 2^31 at first: half of every range */
    uint64_t waits_ms[FAKE_WAITS_MAX];
    size_t n_waits;
    bool stopped;
};

void fake_surroundings_init(struct fake_surroundings *fake);
void fake_surroundings_fini(struct fake_surroundings *fake);

/* Set or replace a variable; value NULL: take it away. */
void fake_surroundings_set(struct fake_surroundings *fake, const char *name, const char *value);
void fake_surroundings_set_format(struct fake_surroundings *fake, const char *name,
                                  const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
