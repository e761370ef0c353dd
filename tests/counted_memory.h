/*
 * How much memory the code under test has at its peak: malloc and its like are wrapped at link
 * time (`ld --wrap`), in every object that is linked into the program. What libraries take by
 * themselves isn't seen; yyjson is given an allocator of ours.
 */
#ifndef PULLTHROUGH_TESTS_COUNTED_MEMORY_H
#define PULLTHROUGH_TESTS_COUNTED_MEMORY_H

#include <stddef.h>

/* Count from here. */
void counted_memory_start(void);
/* The most bytes that were there at once since then, beyond what there was. A block that realloc()
 * makes another size is there twice while it does, unless it has 1 MiB at least: those are
 * mapped by themselves, and moved as they are. */
size_t counted_memory_peak(void);

#endif
