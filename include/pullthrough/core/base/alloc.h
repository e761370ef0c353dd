/*
 * Memory from the heap that is there: where there is none left, or more is asked for than a size
 * can say, the process aborts. So nothing here gives NULL, but for a text that is NULL itself.
 *
 * What it gives is the caller's, for free(). From any thread. Requests have an arena instead, and
 * secrets a strbuf.
 */
#ifndef PULLTHROUGH_CORE_BASE_ALLOC_H
#define PULLTHROUGH_CORE_BASE_ALLOC_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* n items of so many bytes each, all zero; n may be 0. */
void *alloc_zeroed(size_t n, size_t item_bytes);

/* The bytes, and a NUL behind them. */
char *alloc_text(struct slice text);
/* A copy of a string; NULL gives NULL. */
char *alloc_string(const char *text);
/* The bytes of n texts one behind the other, without NUL; each slice is made to point there. */
char *alloc_texts(struct slice *const texts[], size_t n);
/* An owned string, or NULL, makes place for a copy of another one, which may be itself. */
void alloc_replace(char **text, const char *with);

/* `array`, or a larger one in its place, with room for one more than its n items; *size is how many
 * it has room for. NULL, 0 and 0 begin one. */
void *alloc_grown(void *array, size_t n, size_t *size, size_t item_bytes);

/* What a library allocated, which isn't NULL. */
void *alloc_made(void *made);
/* For what fails only where a library can't allocate, or the kernel has nothing left to give. */
void alloc_must(bool worked);

#endif
