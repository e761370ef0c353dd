/*
 * Who asks, of a review that is too much to be read whole: without a byte of memory.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_REVIEW_ENVELOPE_H
#define PULLTHROUGH_CORE_REVIEW_REVIEW_ENVELOPE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/review/review.h"

#include <stdbool.h>
#include <stddef.h>

struct review_envelope {
    char uid[REVIEW_UID_MAX];
    size_t uid_bytes;     /* 0: no text of 1 to 256 bytes */
    char api_version[32]; /* "" where it is none that is so short */
};

/* Read request.uid and apiVersion; of a key given twice the last one counts, and nothing that
 * stands deeper or inside a string. False where `body` can't be JSON: what this looks at is read
 * strictly, of everything else only strings, and that what is opened is closed. */
bool review_envelope_read(struct review_envelope *envelope, struct slice body);

#endif
