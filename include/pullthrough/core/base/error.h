/*
 * Why something failed, in words for a person.
 *
 * Functions that can fail return int: 0 done; negative failed, and the struct
 * error that the caller passed (usually on its stack) says why: pass the number
 * up or stop; positive a normal outcome that the function's header lists, which
 * the caller must handle and must not pass on. Success leaves the error untouched.
 *
 * Nothing is allocated: a text that is too long is cut.
 */
#ifndef PULLTHROUGH_CORE_BASE_ERROR_H
#define PULLTHROUGH_CORE_BASE_ERROR_H

#include <stdarg.h>

enum { ERROR_TEXT_BYTES = 512 };

struct error {
    char text[ERROR_TEXT_BYTES]; /* NUL-terminated, one line, no full stop */
};

/* Write the reason and return -1, so that a failing branch is one line. What
 * would break a line or a terminal becomes '?', and so does what is not UTF-8. A NULL error is
 * allowed. */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put "context: " in front of the reason that is there; returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
