/*
 * Integers only: 64 bits of milliseconds times 32 bits of chance, split so that nothing
 * overflows. Chance is an argument, so that a test can give it.
 */
#include "pullthrough/core/base/backoff.h"

enum { HINT_MARGIN_MS = 5000 };

/* random / 2^32 of `most`, without overflow for any `most`. */
static uint64_t part_of(uint64_t most, uint32_t random)
{
    return (most >> 32) * random + ((most & UINT32_MAX) * random >> 32);
}

uint64_t backoff_ms(unsigned attempt, uint64_t base_ms, uint64_t cap_ms, uint32_t random)
{
    uint64_t most = cap_ms;

    if (attempt < 64 && base_ms <= cap_ms >> attempt)
        most = base_ms << attempt;
    return part_of(most, random);
}

uint64_t backoff_with_hint_ms(uint64_t delay_ms, uint64_t hint_ms)
{
    if (hint_ms <= delay_ms)
        return delay_ms;
    return hint_ms - delay_ms > HINT_MARGIN_MS ? delay_ms + HINT_MARGIN_MS : hint_ms;
}

uint64_t backoff_jitter_ms(uint64_t ms, uint32_t random)
{
    return ms - ms / 5 + part_of(ms / 5 * 2, random);
}
