/*
 * A watch of the API server (GET …?watch=1): one line of it, and what to do when it ends.
 *
 * A watch that names a version sends what came after it. One that names none sends first, as
 * ADDED, all that is there; of Events that is the last hour (kube-apiserver, --event-ttl). What a
 * watch brought may come again: whoever takes events must not mind.
 *
 * A version grows too old (410 Gone) five to ten minutes after the last line that had one, when
 * etcd is compacted. Bookmarks would keep it young, but they come from the watch cache, and Events
 * have none (kubernetes 1.36, pkg/kubeapiserver/default_storage_factory_builder.go; issue 120348):
 * they are heeded, and nothing rests on them.
 */
#ifndef PULLTHROUGH_CORE_KUBE_KUBE_WATCH_H
#define PULLTHROUGH_CORE_KUBE_KUBE_WATCH_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/kube/kube_messages.h"

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

enum {
    /* Bytes of a line. An Event's message may have 64 KiB, which JSON may make longer. */
    KUBE_WATCH_LINE_MAX = 128 * 1024,
    /* What reading a line may take of an arena: eight times its bytes where it is all small values,
     * and as much again while yyjson's array moves. */
    KUBE_WATCH_MEMORY_MAX = 3 * 1024 * 1024,

    KUBE_WATCH_BASE_MS = 1000, /* backoff between attempts, with full jitter */
    KUBE_WATCH_CAP_MS = 30 * 1000,
    KUBE_WATCH_LIVED_MS = 10 * 1000,      /* an attempt of this length was a good one */
    KUBE_WATCH_STALE_MS = 4 * 60 * 1000,  /* without a line: the version is about to be too old */
    KUBE_WATCH_DENIED_MS = 5 * 60 * 1000, /* until a permission is looked for again; jittered */
};

enum kube_watch_type {
    KUBE_WATCH_ADDED,
    KUBE_WATCH_MODIFIED,
    KUBE_WATCH_DELETED,
    KUBE_WATCH_BOOKMARK, /* only a version */
    KUBE_WATCH_ERROR,    /* the last line of a watch: a Status */
};

struct kube_watch_event {
    enum kube_watch_type type;
    char version[KUBE_VERSION_BYTES]; /* the object's; "" with an ERROR */
    int code;                         /* of an ERROR, 100..599, 500 where it says none; else 0 */
    yyjson_val *object; /* an object, with an ERROR too; dies with the arena. Its numbers
                           are raw (json_arena_read) */
};

/* Read one line, without its line break. -1 with the reason: no JSON, more than the arena's
 * ceiling allows, a type that is not known, or no object with a version that can stand in a URL. */
int kube_watch_decode(struct kube_watch_event *event, struct slice line, struct arena *arena,
                      struct error *error);

/* How far a watch has come. Zero is the beginning. One thread; now_ms is a monotonic clock. */
struct kube_watch {
    char version[KUBE_VERSION_BYTES]; /* to go on from; "": from the beginning */
    bool forbidden;                   /* 401 or 403, and not taken since */

    /* The module's own. */
    unsigned attempts; /* that came to nothing, in a row */
    uint64_t begun_ms, heard_ms;
    int code; /* of an ERROR line, or 0 */
};

/* An attempt begins. */
void kube_watch_begin(struct kube_watch *watch, uint64_t now_ms);
/* The server has taken it: its headers are there, with status 200. */
void kube_watch_open(struct kube_watch *watch);
/* Take a line's place. True: it is an object to be looked at. False: a bookmark, or an ERROR, and
 * then the attempt is over. */
bool kube_watch_take(struct kube_watch *watch, const struct kube_watch_event *event,
                     uint64_t now_ms);
bool kube_watch_is_over(const struct kube_watch *watch);

enum { KUBE_WATCH_FORBIDDEN = 1 };

/* An attempt is over. `status` is the HTTP status, 0 where the connection failed or was cut;
 * `random` is any 32 random bits. Sets how long to wait until the next one, which begins at
 * watch->version. 0; KUBE_WATCH_FORBIDDEN where the permission is missing, once until a watch is
 * taken. */
int kube_watch_end(struct kube_watch *watch, int status, uint64_t now_ms, uint32_t random,
                   uint64_t *wait_ms);

#endif
