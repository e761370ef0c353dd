/*
 * The log: one line an event on standard error, JSON or text, each by one write().
 *
 * The one thing in the program that is global: its level, its format and its file
 * descriptor, set by main before there are threads; the level may change at any time.
 * Any thread may log, and none waits: a line that there is no room for is lost, and the next
 * one that gets out says how many were ("linesLost"). Never log a body, a token, a key or a
 * secret.
 */
#ifndef PULLTHROUGH_EDGE_SYS_LOG_H
#define PULLTHROUGH_EDGE_SYS_LOG_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_field_kind { LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_SIGNED, LOG_FIELD_BOOL };

struct log_field {
    const char *name;
    enum log_field_kind kind;
    struct slice text; /* borrowed for the call; long ones are cut, any bytes are allowed */
    uint64_t number;
};

#define LOG_TEXT(field, value)                                                                     \
    ((struct log_field){.name = (field), .kind = LOG_FIELD_TEXT, .text = slice_str(value)})
#define LOG_SLICE(field, value)                                                                    \
    ((struct log_field){.name = (field), .kind = LOG_FIELD_TEXT, .text = (value)})
#define LOG_NUMBER(field, value)                                                                   \
    ((struct log_field){.name = (field), .kind = LOG_FIELD_NUMBER, .number = (uint64_t)(value)})
#define LOG_SIGNED(field, value)                                                                   \
    ((struct log_field){                                                                           \
        .name = (field), .kind = LOG_FIELD_SIGNED, .number = (uint64_t)(int64_t)(value)})
#define LOG_BOOL(field, value)                                                                     \
    ((struct log_field){.name = (field), .kind = LOG_FIELD_BOOL, .number = (value) ? 1 : 0})

/* Where lines go (a borrowed file descriptor) and how they look. Before threads. */
void log_setup(int fd, bool json);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* {"time":"2026-11-22T10:00:00.123Z","level":"info","message":"...", fields...} */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t n_fields);

/* log_event(LOG_LEVEL_INFO, "listening", LOG_TEXT("address", "[::]:8443")); at least one field */
#define log_event(level, message, ...)                                                             \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_event_fields[] = {__VA_ARGS__};                             \
            log_write(level, message, log_event_fields,                                            \
                      sizeof(log_event_fields) / sizeof(log_event_fields[0]));                     \
        }                                                                                          \
    } while (0)

/*
 * For events that a client can cause at will: at most `burst` a window of ten seconds;
 * what was left out is said by the first line of the next window ("suppressed": n).
 * Zero-initialise with static storage; any thread.
 */
struct log_limit {
    uint64_t window; /* atomics inside */
    uint64_t seen;
};

enum { LOG_LIMIT_BURST = 10 };

/* Whether to log now; *suppressed is how many were left out before this one. */
bool log_limit_pass(struct log_limit *limit, uint64_t *suppressed);
/* The same, with a burst of its own; always the same one for a limit. */
bool log_limit_pass_burst(struct log_limit *limit, unsigned burst, uint64_t *suppressed);

#endif
