/*
 * A line is read by yyjson, since there may be thousands a second. What follows the end of an
 * attempt is a handful of rules; clock and chance are arguments.
 *
 * It does not order versions or look for ones that came before: an etcd that was put back from a
 * copy counts again from what it was.
 */
#include "pullthrough/core/kube/kube_watch.h"

#include "pullthrough/core/base/backoff.h"
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_member.h"

enum { ATTEMPTS_MAX = 16 }; /* the wait has long been the longest */

static const char *const type_names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};

static int take_type(struct kube_watch_event *event, struct slice name, struct error *error)
{
    for (unsigned i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
        if (slice_is(name, type_names[i])) {
            event->type = (enum kube_watch_type)i;
            return 0;
        }
    return error_set(error, "the line's type is not known");
}

/* It goes into a URL as it is: letters, digits and dashes, which etcd's numbers are. */
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            c != '-')
            return false;
    }
    return text.len > 0;
}

static int take_version(struct kube_watch_event *event, yyjson_val *object, struct error *error)
{
    struct slice text = json_text(json_member(json_member(object, "metadata"), "resourceVersion"));

    if (!is_plain(text) || text.len >= sizeof(event->version))
        return error_set(error, "metadata.resourceVersion is missing, too long or not plain");
    memcpy(event->version, text.ptr, text.len);
    return 0;
}

/* A Status' code, three digits. */
static int read_code(yyjson_val *object)
{
    yyjson_val *value = json_member(object, "code");
    const char *digits = yyjson_get_raw(value);
    int code = 0;

    if (!digits || yyjson_get_len(value) != 3)
        return 500;
    for (size_t i = 0; i < 3; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return 500;
        code = code * 10 + (digits[i] - '0');
    }
    return code >= 100 && code < 600 ? code : 500;
}

int kube_watch_decode(struct kube_watch_event *event, struct slice line, struct arena *arena,
                      struct error *error)
{
    bool too_much = false;
    yyjson_val *root = json_arena_read(arena, line, &too_much);

    *event = (struct kube_watch_event){0};
    if (!root)
        return error_set(error, too_much ? "the line takes too much memory" : "malformed JSON");
    if (take_type(event, json_text(json_member(root, "type")), error))
        return -1;
    event->object = json_member(root, "object");
    if (!yyjson_is_obj(event->object))
        return error_set(error, "the line has no object");
    if (event->type == KUBE_WATCH_ERROR) {
        event->code = read_code(event->object);
        return 0;
    }
    return take_version(event, event->object, error);
}

void kube_watch_begin(struct kube_watch *watch, uint64_t now_ms)
{
    watch->begun_ms = now_ms;
    watch->code = 0;
}

void kube_watch_open(struct kube_watch *watch)
{
    watch->forbidden = false;
}

bool kube_watch_take(struct kube_watch *watch, const struct kube_watch_event *event,
                     uint64_t now_ms)
{
    if (event->type == KUBE_WATCH_ERROR) {
        watch->code = event->code;
        return false;
    }
    watch->heard_ms = now_ms;
    memcpy(watch->version, event->version, sizeof(watch->version));
    return event->type != KUBE_WATCH_BOOKMARK;
}

bool kube_watch_is_over(const struct kube_watch *watch)
{
    return watch->code != 0;
}

/* A clock that jumps back has measured nothing. */
static bool has_passed(uint64_t since_ms, uint64_t now_ms, uint64_t least_ms)
{
    return now_ms > since_ms && now_ms - since_ms >= least_ms;
}

/* 4xx: all that changes in what we ask is the version. In silence, etcd that was put back from a
 * copy waits for a version that it has not reached. */
static bool spoils_version(const struct kube_watch *watch, int code, uint64_t now_ms)
{
    return (code >= 400 && code < 500 && code != 429) ||
           has_passed(watch->heard_ms, now_ms, KUBE_WATCH_STALE_MS);
}

int kube_watch_end(struct kube_watch *watch, int status, uint64_t now_ms, uint32_t random,
                   uint64_t *wait_ms)
{
    int code = watch->code ? watch->code : status;

    if (code == 401 || code == 403) {
        bool said = watch->forbidden;

        watch->forbidden = true;
        watch->attempts = 0;
        watch->version[0] = '\0'; /* too old by then */
        *wait_ms = backoff_jitter_ms(KUBE_WATCH_DENIED_MS, random);
        return said ? 0 : KUBE_WATCH_FORBIDDEN;
    }
    if (spoils_version(watch, code, now_ms))
        watch->version[0] = '\0';
    if (has_passed(watch->begun_ms, now_ms, KUBE_WATCH_LIVED_MS))
        watch->attempts = 0;
    *wait_ms = backoff_ms(watch->attempts, KUBE_WATCH_BASE_MS, KUBE_WATCH_CAP_MS, random);
    if (watch->attempts < ATTEMPTS_MAX)
        watch->attempts++;
    return 0;
}
