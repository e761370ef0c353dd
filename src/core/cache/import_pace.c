/*
 * The window counts by minutes of the caller's clock, and forgets a minute when 60 others have
 * passed since: a little later than it might, never sooner.
 */
#include "import_pace.h"

#include "pullthrough/core/base/backoff.h"

static void advance(struct import_window *window, int64_t now_ms)
{
    int64_t minute = now_ms / IMPORT_MINUTE_MS;

    if (minute - window->minute >= WINDOW_MINUTES) {
        memset(window->grants, 0, sizeof(window->grants));
        window->sum = 0;
        window->minute = minute;
    }
    while (window->minute < minute) {
        uint16_t *grants = &window->grants[++window->minute % WINDOW_MINUTES];

        window->sum -= *grants;
        *grants = 0;
    }
}

unsigned import_window_left(struct import_window *window, int64_t now_ms)
{
    advance(window, now_ms);
    return window->per_hour > window->sum ? window->per_hour - window->sum : 0;
}

void import_window_take(struct import_window *window, int64_t now_ms)
{
    advance(window, now_ms);
    window->grants[window->minute % WINDOW_MINUTES]++;
    window->sum++;
}

int64_t import_delay_ms(unsigned times, int64_t first_ms, int64_t most_ms, uint32_t random)
{
    int64_t ms = times < 32 && first_ms <= most_ms >> times ? first_ms << times : most_ms;

    return (int64_t)backoff_jitter_ms((uint64_t)ms, random);
}

static void begin(struct import_stop *stop, enum image_outcome why, int64_t now_ms, int64_t ms)
{
    stop->pause = (struct import_pause){.why = why, .until_ms = now_ms + ms};
    stop->times++;
}

void import_stop_begin(struct import_stop *stop, enum image_outcome why, int64_t now_ms,
                       uint32_t random)
{
    /* Too fast: a moment. No answer: each one costs a time-out. Denied: until somebody mends it. */
    int64_t first_ms = why == IMAGE_THROTTLED ? 1000 : why == IMAGE_DENIED ? 60000 : 5000;
    int64_t most_ms = why == IMAGE_THROTTLED ? 60000 : why == IMAGE_DENIED ? 900000 : 300000;

    if (stop->pause.why != why)
        stop->times = 0;
    begin(stop, why, now_ms, import_delay_ms(stop->times, first_ms, most_ms, random));
}

void import_stop_upstream(struct import_stop *stop, int64_t now_ms, uint32_t random)
{
    if (stop->pause.why != IMAGE_THROTTLED)
        stop->times = 0;
    begin(stop, IMAGE_THROTTLED, now_ms,
          import_delay_ms(stop->times, IMPORT_HOUR_MS / 4, 2 * IMPORT_HOUR_MS, random));
}

void import_stop_end(struct import_stop *stop)
{
    *stop = (struct import_stop){0};
}

bool import_stop_holds(const struct import_stop *stop, int64_t now_ms)
{
    return stop->pause.why != IMAGE_THERE && stop->pause.until_ms > now_ms;
}
