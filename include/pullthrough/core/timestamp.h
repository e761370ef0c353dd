/*
 * Instants as RFC 3339 texts in UTC.
 */
#ifndef PULLTHROUGH_CORE_TIMESTAMP_H
#define PULLTHROUGH_CORE_TIMESTAMP_H

#include "pullthrough/core/strbuf.h"

#include <stdint.h>

/* Append "2026-11-22T10:00:00Z"; seconds since 1970. */
void timestamp_print_rfc3339(struct strbuf *out, int64_t seconds);

#endif
