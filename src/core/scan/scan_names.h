/*
 * Names that are kept once, and numbered as they come. Part of core/scan/scan.
 */
#ifndef PULLTHROUGH_SRC_CORE_SCAN_NAMES_H
#define PULLTHROUGH_SRC_CORE_SCAN_NAMES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/slice.h"

#include <stdint.h>

/* Numbers of keys of any bytes: all names of one kind, or pairs of numbers. Zeroed but for `most`
 * it is empty. */
struct scan_names {
    size_t most;
    struct arena arena;
    struct slice *items; /* by number */
    size_t n, size;
    uint32_t *slots; /* open addressing, at most half full: number + 1, or 0 */
    size_t n_slots;
};

enum { SCAN_NO_NAME = -1 };

/* The number of `name`, new where it is (then it is n - 1 now); SCAN_NO_NAME: there are too many.
 */
int64_t scan_names_put(struct scan_names *names, struct slice name);
void scan_names_fini(struct scan_names *names);

#endif
