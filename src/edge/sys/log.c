/*
 * One event, one line, one write(): a line is never longer than PIPE_BUF, so lines of several
 * threads don't mix even in a pipe. What doesn't fit is left out and the line says "cut".
 * A reader that is gone or slow costs lines, never the program: errors of write() are ignored.
 */
#include "pullthrough/edge/sys/log.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/base/utf8.h"
#include "pullthrough/edge/sys/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_MOST_BYTES = 512, /* times 6, when every byte is escaped, still fits a line */
    LINE_MOST_BYTES = PIPE_BUF,
    FIELDS_MOST_BYTES = LINE_MOST_BYTES - 64, /* leaves room for "cut", "linesLost" and the end */
    TIME_BYTES = sizeof("2026-11-22T10:00:00.123Z"),
};

static const uint64_t WINDOW_NS = 10ULL * 1000 * 1000 * 1000;

static int log_fd = STDERR_FILENO;
static bool log_json = true;
static atomic_int log_least = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_setup(int fd, bool json)
{
    log_fd = fd;
    log_json = json;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_least, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_least, memory_order_relaxed);
}

static void add_time(struct strbuf *line)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm parts;
    char text[TIME_BYTES];

    if (!gmtime_r(&seconds, &parts) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        text[0] = '\0';
    strbuf_add_format(line, "%s.%03dZ", text, (int)(now_ms % 1000));
}

/* The start of text that is kept: never half a UTF-8 character. */
static struct slice cut(struct slice text)
{
    size_t len = text.len;

    if (len <= TEXT_MOST_BYTES)
        return text;
    len = TEXT_MOST_BYTES;
    while (len > TEXT_MOST_BYTES - 4 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return slice_of(text.ptr, len);
}

/* A JSON string without what could steer a terminal: DEL and U+0080 to U+009F, which JSON
 * leaves alone, become '?'. */
static void add_quoted(struct strbuf *line, struct slice text)
{
    char safe[TEXT_MOST_BYTES + 3];
    struct slice kept = cut(text);
    size_t len = 0;

    for (size_t i = 0; i < kept.len; i++) {
        unsigned char c = (unsigned char)kept.ptr[i];
        unsigned char next = i + 1 < kept.len ? (unsigned char)kept.ptr[i + 1] : 0;

        if (c == 0x7f) {
            safe[len++] = '?';
        } else if (c == 0xc2 && next >= 0x80 && next <= 0x9f) {
            safe[len++] = '?';
            i++;
        } else {
            safe[len++] = (char)c;
        }
    }
    if (kept.len < text.len)
        for (const char *dots = "\xe2\x80\xa6"; *dots; dots++)
            safe[len++] = *dots;
    strbuf_add_json(line, slice_of(safe, len));
}

/* A message, in a line of text: whatever could break or steer becomes '?'. */
static void add_words(struct strbuf *line, struct slice text)
{
    for (size_t i = 0, step; i < text.len; i += step) {
        step = utf8_length(text.ptr + i, text.len - i);
        if (step && utf8_is_printable(text.ptr + i, step))
            strbuf_add(line, text.ptr + i, step);
        else
            strbuf_add_char(line, '?');
        step += step == 0;
    }
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return text.len > 0 && text.len <= TEXT_MOST_BYTES;
}

static void add_value(struct strbuf *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        if (!log_json && is_plain(field->text))
            strbuf_add_slice(line, field->text);
        else
            add_quoted(line, field->text);
        break;
    case LOG_FIELD_NUMBER: strbuf_add_u64(line, field->number); break;
    case LOG_FIELD_SIGNED: strbuf_add_format(line, "%lld", (long long)field->number); break;
    case LOG_FIELD_BOOL: strbuf_add_str(line, field->number ? "true" : "false"); break;
    }
}

static void add_head(struct strbuf *line, enum log_level level, const char *message)
{
    if (log_json) {
        strbuf_add_str(line, "{\"time\":\"");
        add_time(line);
        strbuf_add_format(line, "\",\"level\":\"%s\",\"message\":", level_names[level]);
        add_quoted(line, slice_str(message));
    } else {
        add_time(line);
        strbuf_add_format(line, " %-5s ", level_names[level]);
        add_words(line, cut(slice_str(message)));
    }
}

static void add_fields(struct strbuf *line, const struct log_field *fields, size_t n_fields)
{
    STRBUF_CLEANUP struct strbuf one = STRBUF_INIT(LINE_MOST_BYTES);
    bool left_out = false;

    for (size_t i = 0; i < n_fields; i++) {
        strbuf_clear(&one);
        strbuf_add_format(&one, log_json ? ",\"%s\":" : " %s=", fields[i].name);
        add_value(&one, &fields[i]);
        if (strbuf_overflowed(&one) || line->len + one.len > FIELDS_MOST_BYTES)
            left_out = true;
        else
            strbuf_add_slice(line, strbuf_slice(&one));
    }
    if (left_out)
        strbuf_add_str(line, log_json ? ",\"cut\":true" : " cut=true");
}

/* Whether the line is out. A pipe that nobody empties (a container runtime that stands still)
 * must cost lines and not answers, so this never waits for room: by RWF_NOWAIT where the kernel
 * knows it for this kind of file, else by asking first. O_NONBLOCK would do it too, but would
 * hold for everybody who shares the descriptor, a user's shell for one. */
static bool put(const struct strbuf *line)
{
    const struct iovec whole = {.iov_base = line->ptr, .iov_len = line->len};
    struct pollfd room = {.fd = log_fd, .events = POLLOUT};
    ssize_t wrote;

    do
        wrote = pwritev2(log_fd, &whole, 1, -1, RWF_NOWAIT);
    while (wrote < 0 && errno == EINTR);
    /* EAGAIN: a full pipe, and some file systems' word for "not at once". EPERM: a sandbox that
     * doesn't know the call. */
    if (wrote >= 0 || (errno != EAGAIN && errno != EOPNOTSUPP && errno != EINVAL &&
                       errno != ENOSYS && errno != EPERM))
        return wrote >= 0;
    if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT))
        return false;
    do
        wrote = write(log_fd, line->ptr, line->len);
    while (wrote < 0 && errno == EINTR);
    return wrote >= 0;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t n_fields)
{
    static atomic_uint_fast64_t lost; /* lines, since the last one that got out */
    STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(LINE_MOST_BYTES);
    uint64_t before = atomic_exchange_explicit(&lost, 0, memory_order_relaxed);
    int saved_errno = errno;

    add_head(&line, level, message);
    add_fields(&line, fields, n_fields);
    if (before)
        strbuf_add_format(&line, log_json ? ",\"linesLost\":%llu" : " linesLost=%llu",
                          (unsigned long long)before);
    strbuf_add_str(&line, log_json ? "}\n" : "\n");
    if (!put(&line))
        atomic_fetch_add_explicit(&lost, before + 1, memory_order_relaxed);
    errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit, uint64_t *suppressed)
{
    return log_limit_pass_burst(limit, LOG_LIMIT_BURST, suppressed);
}

bool log_limit_pass_burst(struct log_limit *limit, unsigned burst, uint64_t *suppressed)
{
    uint64_t window = clock_monotonic_ns() / WINDOW_NS + 1; /* 0 is "never used" */
    uint64_t last = __atomic_load_n(&limit->window, __ATOMIC_RELAXED);
    uint64_t seen;

    *suppressed = 0;
    if (last != window && __atomic_compare_exchange_n(&limit->window, &last, window, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        seen = __atomic_exchange_n(&limit->seen, 1, __ATOMIC_RELAXED);
        *suppressed = seen > burst ? seen - burst : 0;
        return true;
    }
    seen = __atomic_fetch_add(&limit->seen, 1, __ATOMIC_RELAXED);
    return seen < burst;
}
