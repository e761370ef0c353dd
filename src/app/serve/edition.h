/*
 * What the upkeep side publishes: an immutable rule set, the metric slots of its upstreams,
 * and the status text that describes it all. Shared between threads by counted references.
 */
#ifndef PULLTHROUGH_APP_SERVE_EDITION_H
#define PULLTHROUGH_APP_SERVE_EDITION_H

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>

struct edition;

/* Takes over the caller's reference to `rules`, and the text of `status` (a JSON object's
 * members, without braces; the buffer is empty after). `waiting`: for the first pass, without
 * which the rules say nothing. */
struct edition *edition_new(struct rule_set *rules, struct metrics *metrics, struct strbuf *status,
                            bool waiting);
struct edition *edition_ref(struct edition *edition);
void edition_unref(struct edition *edition); /* NULL is allowed */

const struct rule_set *edition_rules(const struct edition *edition);
/* The slot for metrics_image(): METRICS_OTHER for -1. */
unsigned edition_slot(const struct edition *edition, int upstream);
struct slice edition_status(const struct edition *edition);
bool edition_is_waiting(const struct edition *edition);

#endif
