/*
 * What a fuzz target defines: libFuzzer's entry point. It must take any bytes, leak nothing,
 * and abort where a promise of the module under test doesn't hold.
 */
#ifndef PULLTHROUGH_TESTS_FUZZ_H
#define PULLTHROUGH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Like assert(), in every build. */
#define FUZZ_ASSERT(holds)                                                                         \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Returns 0. `data` isn't NUL-terminated and may be NULL when size is 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
