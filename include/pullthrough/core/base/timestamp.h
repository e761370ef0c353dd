/*
 * Points in time as the services write them, and seconds since 1970-01-01T00:00:00Z.
 *
 * Years 1970 to 9999; anything else is refused. No time zone data, no locale, no clock.
 */
#ifndef PULLTHROUGH_CORE_BASE_TIMESTAMP_H
#define PULLTHROUGH_CORE_BASE_TIMESTAMP_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdint.h>

enum { TIMESTAMP_BASIC_BYTES = sizeof("20261121T120000Z") };

/* RFC 3339: "2026-11-21T12:00:00Z", with any fraction (which is cut off), with "+01:00".
 * -1 with the reason. */
int timestamp_parse_rfc3339(struct slice text, int64_t *seconds, struct error *error);

/* An HTTP Date (RFC 9110, section 5.6.7, IMF-fixdate): "Sat, 21 Nov 2026 12:00:00 GMT". The
 * day's name is not compared with the date. -1 with the reason. */
int timestamp_parse_http(struct slice text, int64_t *seconds, struct error *error);

/* Append "2026-11-22T10:00:00Z". Out of range is cut to the range. */
void timestamp_print_rfc3339(struct strbuf *out, int64_t seconds);

/* ISO 8601's basic form, NUL-terminated: "20261121T120000Z". Out of range is cut to the range. */
void timestamp_print_basic(int64_t seconds, char text[static TIMESTAMP_BASIC_BYTES]);

#endif
