/*
 * The written forms of the configuration's booleans and numbers: "true", "4096", "8MiB", "1m30s".
 *
 * Only texts: whether a value was quoted, and its bounds, are config_scalar's business.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_VALUES_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_VALUES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Each: 0; or -1 with the reason in error, which reads on after the value and a colon. */

/* "true" or "false". */
int config_bool_parse(struct slice text, bool *value, struct error *error);
/* Decimal digits without a sign and without leading zeros (YAML 1.1 takes 010 for 8). */
int config_count_parse(struct slice text, uint64_t *value, struct error *error);
/* Bytes: a count, or digits with B, KiB, MiB or GiB. */
int config_size_parse(struct slice text, uint64_t *bytes, struct error *error);
/* Milliseconds: 0, or a sum of digits with d, h, m, s, ms, each at most once, from large to small.
 */
int config_duration_parse(struct slice text, uint64_t *ms, struct error *error);

/* In the largest unit that gives a whole number. */
void config_size_print(struct strbuf *out, uint64_t bytes);
/* As a sum from large to small; "0s" for nothing. */
void config_duration_print(struct strbuf *out, uint64_t ms);

#endif
