/*
 * The number of references to something that several threads hold, and the last of which frees it.
 */
#ifndef PULLTHROUGH_CORE_BASE_REFERENCES_H
#define PULLTHROUGH_CORE_BASE_REFERENCES_H

#include <stdatomic.h>
#include <stdbool.h>

struct references {
    atomic_uint n;
};

/* Whoever makes it has the one reference. */
static inline void references_init(struct references *references)
{
    atomic_init(&references->n, 1);
}

/* From one that has a reference, so that nobody frees it meanwhile: no order is needed. */
static inline void references_add(struct references *references)
{
    atomic_fetch_add_explicit(&references->n, 1, memory_order_relaxed);
}

/* Whether it was the last: then all that others did with it before is seen, and it is to be freed.
 */
static inline bool references_drop(struct references *references)
{
    return atomic_fetch_sub_explicit(&references->n, 1, memory_order_acq_rel) == 1;
}

#endif
