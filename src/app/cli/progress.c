/*
 * Nothing runs beside the work: whether a line is due is looked at whenever blocking code waits or
 * asks whether it is to stop. It never says so; a command is ended by a signal.
 */
#include "progress.h"

#include "text_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 1000,
    AGAIN_TERMINAL_MS = 1000,
    AGAIN_LINES_MS = 5000,
    AGAIN_LINES_MAX_MS = 40000,
    TEXT_MAX = 2048,
};

static uint64_t now_ms(void)
{
    return timing_of_process().monotonic_ms(NULL);
}

void progress_init(struct progress *progress, const char *command)
{
    const char *term = getenv("TERM");

    *progress = (struct progress){
        .command = command,
        .terminal =
            text_look_of(STDERR_FILENO).terminal && term && *term && strcmp(term, "dumb") != 0,
    };
}

void progress_begin(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    progress_end(progress);
    va_start(arguments, format);
    (void)vsnprintf(progress->doing, sizeof(progress->doing), format, arguments);
    va_end(arguments);
    progress->since_ms = now_ms();
    progress->said_ms = 0;
    progress->again_ms = progress->terminal ? AGAIN_TERMINAL_MS : AGAIN_LINES_MS;
}

void progress_reword(struct progress *progress, const char *format, ...)
{
    char before[sizeof(progress->doing)];
    va_list arguments;

    memcpy(before, progress->doing, sizeof(before));
    va_start(arguments, format);
    (void)vsnprintf(progress->doing, sizeof(progress->doing), format, arguments);
    va_end(arguments);
    if (strcmp(before, progress->doing) != 0)
        progress->said_ms = 0; /* at the next look */
}

void progress_update(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(progress->doing, sizeof(progress->doing), format, arguments);
    va_end(arguments);
}

void progress_end(struct progress *progress)
{
    if (progress->shown && progress->terminal)
        (void)fputs("\r\033[K", stderr);
    progress->shown = false;
    progress->doing[0] = '\0';
}

static void look_at_clock(struct progress *progress)
{
    STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(TEXT_MAX);
    uint64_t now = now_ms();

    if (!progress->doing[0] || now - progress->since_ms < PATIENCE_MS ||
        (progress->said_ms && now - progress->said_ms < progress->again_ms))
        return;
    if (progress->said_ms && !progress->terminal && progress->again_ms < AGAIN_LINES_MAX_MS)
        progress->again_ms *= 2;
    strbuf_add_str(&line, progress->terminal ? "\r\033[K" : "");
    strbuf_add_format(&line, "pullthrough %s: ", progress->command);
    text_add_printable(&line, slice_str(progress->doing));
    strbuf_add_format(&line, " (%llu s)%s", (unsigned long long)(now - progress->since_ms) / 1000,
                      progress->terminal ? "" : "\n");
    (void)fputs(strbuf_str(&line), stderr);
    (void)fflush(stderr);
    progress->said_ms = now;
    progress->shown = true;
}

static int64_t on_wall_s(void *context)
{
    (void)context;
    return timing_of_process().wall_s(NULL);
}

static uint64_t on_monotonic_ms(void *context)
{
    (void)context;
    return now_ms();
}

static uint32_t on_random(void *context)
{
    (void)context;
    return timing_of_process().random(NULL);
}

static bool on_wait(void *context, uint64_t ms)
{
    const struct timing timing = timing_of_process();

    for (uint64_t left = ms, part; left > 0; left -= part) {
        part = left < PATIENCE_MS ? left : PATIENCE_MS;
        (void)timing.wait(timing.context, part);
        look_at_clock(context);
    }
    return true;
}

static bool on_stopped(void *context)
{
    look_at_clock(context);
    return false;
}

struct timing progress_timing(struct progress *progress)
{
    return (struct timing){.wall_s = on_wall_s,
                           .monotonic_ms = on_monotonic_ms,
                           .random = on_random,
                           .wait = on_wait,
                           .stopped = on_stopped,
                           .context = progress};
}
