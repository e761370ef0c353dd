/*
 * How long to wait before asking again: exponential with full jitter.
 */
#ifndef PULLTHROUGH_CORE_BASE_BACKOFF_H
#define PULLTHROUGH_CORE_BASE_BACKOFF_H

#include <stdint.h>

/* A random part of base_ms * 2^attempt, at most cap_ms; attempt counts from 0, `random` is any
 * 32 random bits. */
uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t cap_ms, uint32_t random);

/* What becomes of a delay when the service asked for hint_ms (0: it didn't): not less than
 * our own, not more than five seconds above it. */
uint64_t backoff_with_hint_ms(uint64_t delay_ms, uint64_t hint_ms);

/* `ms` made longer or shorter by at most a fifth, so that replicas don't march in step. */
uint64_t backoff_jitter_ms(uint64_t ms, uint32_t random);

#endif
