/* Files of tests/fixtures, or from there ("../../docs"), and their writing anew by
 * hack/fixtures.sh. */
#ifndef PULLTHROUGH_TESTS_UNIT_FIXTURE_H
#define PULLTHROUGH_TESTS_UNIT_FIXTURE_H

#include "pullthrough/core/base/strbuf.h"

/* Appends the file, whose name the format gives. False if there is none. */
bool fixture_read(struct strbuf *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether expectations are written anew: PULLTHROUGH_WRITE_FIXTURES is set. */
bool fixtures_are_written(void);

/* Whether the file, an expectation, says what the program does, which is shown if not. Where
 * expectations are written, it is made to say so instead. */
bool fixture_says(struct slice got, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
