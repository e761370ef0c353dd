/*
 * How far a word is from another: for "did you mean".
 */
#ifndef PULLTHROUGH_CORE_BASE_SPELLING_H
#define PULLTHROUGH_CORE_BASE_SPELLING_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* The letters that must be put in, left out, exchanged or swapped with their neighbour to
 * make one of the other; case doesn't count. Words over 32 bytes are far from everything. */
enum { SPELLING_FAR = 1000 };
size_t spelling_distance(struct slice a, struct slice b);

/* Near enough to be a slip: about a third of the letters at most, and one always. */
bool spelling_is_slip(struct slice written, struct slice meant);

/* The name that is nearest to what was written, of those that were tried and are near enough to be
 * meant; of two that are equally near, the first. Names live as long as this is read. */
struct spelling {
    struct slice written;
    const char *nearest; /* NULL: none so far */
    size_t distance;     /* its own */
};
void spelling_try(struct spelling *spelling, const char *name);

#endif
