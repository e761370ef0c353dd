/*
 * How a replica stands, in one sentence: the gravest of what /status says. Pure.
 */
#ifndef PULLTHROUGH_APP_SERVE_STATUS_VERDICT_H
#define PULLTHROUGH_APP_SERVE_STATUS_VERDICT_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdint.h>
#include <yyjson.h>

enum status_level {
    STATUS_GOOD,
    STATUS_WAITS, /* something is still to come, by itself */
    STATUS_WARNS, /* it does its work, but not all of it */
    STATUS_BAD,   /* it doesn't */
};
/* "good", "waits", "warns", "bad"; static storage. */
const char *status_level_name(enum status_level level);

struct status_verdict {
    enum status_level level;
    struct slice why;   /* in words that /status has, too; borrowed from it; may be empty */
    const char *advice; /* what to do, as upstream_state_advice(); NULL: nothing, or see there */
};

/* Judge the root of /status, as it is at `now_s`, and append the sentence, with its full stop. */
struct status_verdict status_verdict_print(yyjson_val *status, int64_t now_s,
                                           struct strbuf *sentence);

/* The member `name` of a member of /status, such as "fallback", "watch"; NULL where there is none
 * or null. */
yyjson_val *status_member(yyjson_val *status, const char *object, const char *name);
/* A number that /status has; 0 for anything else. */
uint64_t status_number(yyjson_val *value);
/* A time that /status has, in seconds since 1970; 0 for anything else. */
int64_t status_time(yyjson_val *value);

#endif
