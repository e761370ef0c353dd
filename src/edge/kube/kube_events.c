/*
 * One line is held at a time: it is read where it came, or collected where it came in parts. What
 * grows over the bound is let go at once, and passed over up to its line break.
 */
#include "pullthrough/edge/kube/kube_events.h"

#include "kube_call.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/core/base/url.h"

#include <inttypes.h>

enum { ARENA_BYTES = 4096 }; /* enough for most Events */

struct stream {
    struct kube_client *client;
    struct kube_watch *watch;
    const struct kube_events_watch *how;
    struct kube_events_tally *tally;
    struct strbuf part; /* of a line that is not whole yet */
    bool passing_over;
    bool open;
};

static void take_line(struct stream *stream, struct slice line)
{
    ARENA_CLEANUP struct arena arena;
    struct timing *timing = &stream->client->timing;
    struct kube_watch_event event;

    arena_init(&arena, ARENA_BYTES);
    arena.ceiling = KUBE_WATCH_MEMORY_MAX;
    if (kube_watch_decode(&event, line, &arena, NULL)) {
        stream->tally->malformed++;
    } else if (kube_watch_take(stream->watch, &event, timing->monotonic_ms(timing->context))) {
        stream->tally->events++;
        stream->how->on_event(stream->how->context, &event);
    }
}

/* More of a line, without its break. Those over the bound are counted when they are over. */
static void add_part(struct stream *stream, struct slice text)
{
    if (!stream->passing_over)
        strbuf_add_slice(&stream->part, text);
    if (strbuf_overflowed(&stream->part)) {
        stream->passing_over = true;
        strbuf_fini(&stream->part);
    }
}

static void end_line(struct stream *stream)
{
    if (stream->passing_over)
        stream->tally->too_long++;
    else
        take_line(stream, strbuf_slice(&stream->part));
    stream->passing_over = false;
    strbuf_clear(&stream->part);
}

static bool on_bytes(void *context, struct slice bytes)
{
    struct stream *stream = context;

    if (!stream->open) {
        stream->open = true;
        if (stream->how->on_open)
            stream->how->on_open(stream->how->context);
        kube_watch_open(stream->watch);
    }
    while (bytes.len && !kube_watch_is_over(stream->watch)) {
        size_t end = slice_find(bytes, '\n');
        struct slice text = slice_of(bytes.ptr, end);

        if (end == bytes.len) {
            add_part(stream, text);
            break;
        }
        if (stream->part.len || stream->passing_over) {
            add_part(stream, text);
            end_line(stream);
        } else {
            take_line(stream, text);
        }
        bytes = slice_from(bytes, end + 1);
    }
    return !kube_watch_is_over(stream->watch);
}

static void print_url(struct strbuf *out, const struct kube_client *client,
                      const struct kube_watch *watch, uint64_t timeout_s)
{
    const struct timing *timing = &client->timing;

    strbuf_add_format(
        out,
        "%s/api/v1/events?watch=1&allowWatchBookmarks=true&timeoutSeconds=%" PRIu64
        "&fieldSelector=reason%%3DFailed%%2Ctype%%3DWarning%%2CinvolvedObject.kind%%3DPod",
        strbuf_str(&client->server),
        backoff_jitter_ms(timeout_s * 1000, timing->random(timing->context)) / 1000);
    if (watch->version[0])
        strbuf_add_format(out, "&resourceVersion=%s", watch->version);
}

int kube_events_watch(struct kube_client *client, struct kube_watch *watch,
                      const struct kube_events_watch *how, struct kube_events_tally *tally,
                      struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    struct stream stream = {
        .client = client,
        .watch = watch,
        .how = how,
        .tally = tally,
        .part = STRBUF_INIT(KUBE_WATCH_LINE_MAX),
    };
    KUBE_CALL_CLEANUP struct kube_call call = {
        .method = "GET",
        .verb = "watch",
        .object = "events",
        .url = STRBUF_INIT(URL_MAX),
        .on_bytes = on_bytes,
        .context = &stream,
        .idle_s = how->idle_s ? how->idle_s : KUBE_EVENTS_IDLE_S,
    };

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, false);
    print_url(&call.url, client, watch, how->timeout_s ? how->timeout_s : KUBE_EVENTS_TIMEOUT_S);
    (void)kube_call_send(client, &call, &answer, error);
    strbuf_fini(&stream.part);
    return answer.status;
}
