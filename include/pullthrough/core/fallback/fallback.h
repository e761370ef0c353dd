/*
 * What nodes and probes say of the cache, and what follows: which images, which upstreams, and
 * whether all of them, new pods are not sent there for now.
 *
 * A state of one thread. It has no clock: `now_ms` is any time that only goes on, in milliseconds
 * (one that goes back is taken as standing still). The request path never sees it, but the table
 * that is made of it (fallback_table.h). Everything in it has an end, and there is a bound to how
 * much it holds. Names are those below the registry's host, so a new host asks for a new state.
 *
 * Where an image that is turned away can't be pulled under its own name, that wins nothing: it goes
 * to the cache for a while, whatever its upstream and the registry are, and whatever the cache
 * says.
 *
 * A failure counts from when it happened, not from when it is told: what a watch tells again, or
 * tells late, changes nothing that it would not have changed in time.
 */
#ifndef PULLTHROUGH_CORE_FALLBACK_FALLBACK_H
#define PULLTHROUGH_CORE_FALLBACK_FALLBACK_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a node could not pull. */
enum pull_class {
    PULL_ABSENT,      /* 404: not imported, no rule, may not be imported: all alike */
    PULL_REFUSED,     /* 403 */
    PULL_LOGIN,       /* 401, or the node has no login */
    PULL_THROTTLED,   /* 429 */
    PULL_UNREACHABLE, /* no way there, no answer in time, TLS, 5xx */
    PULL_OTHER,       /* no image for this platform, a full disk, ...: not the cache's fault */
};
enum { PULL_CLASS_COUNT = PULL_OTHER + 1 };

const char *pull_class_name(enum pull_class class); /* "absent", "refused", ...; static storage */

enum {
    FALLBACK_MINUTE_MS = 60 * 1000,
    FALLBACK_GRAIN_MS = 1000, /* Events name whole seconds: a failure may be so much younger */
    /* An image: settings.remember_ms, twice that each time it fails again after its end, never more
     * than this. An upstream: settings.remember_ms. */
    FALLBACK_LONGEST_MS = 6 * 60 * FALLBACK_MINUTE_MS,
    /* An image that was throttled; never more. */
    FALLBACK_THROTTLED_MS = 10 * FALLBACK_MINUTE_MS,
    /* So many images of one upstream that had not failed before, within so long: the upstream. So
     * many that are PULL_UNREACHABLE under their own names: the upstream goes to the cache. */
    FALLBACK_UPSTREAM_IMAGES = 3,
    FALLBACK_UPSTREAM_WITHIN_MS = 5 * FALLBACK_MINUTE_MS,
    /* PULL_LOGIN or PULL_UNREACHABLE from two nodes, or of so many images from one (a cluster may
     * have no second), within so long: the whole registry is down. While the last probe was
     * answered, only from two nodes, of two upstreams and two namespaces: one sick node is not the
     * registry, nor is who says whatever he likes in a namespace of his own. */
    FALLBACK_REGISTRY_IMAGES = 3,
    FALLBACK_REGISTRY_WITHIN_MS = 2 * FALLBACK_MINUTE_MS,
    FALLBACK_PROBES_DOWN = 3,                      /* probes in a row that failed: the same */
    FALLBACK_PROBES_UP = 5,                        /* that were answered since: it is back */
    FALLBACK_HOLD_MS = FALLBACK_MINUTE_MS,         /* between two such changes */
    FALLBACK_SILENCE_MS = 15 * FALLBACK_MINUTE_MS, /* without any news it is back as well */
    /* So is it with no news but probes that fail: it may be the way from here that is broken. */
    FALLBACK_BLIND_MS = 60 * FALLBACK_MINUTE_MS,
    FALLBACK_SIGNS_MAX = 8, /* that it is down, the newest */
    /* Both ways. Of an upstream, 3 images in 5 minutes take the upstream with them: so those of a
     * quarter of an hour are a handful, and more is a flood. 512 of some 80 bytes cost 0.1 MiB with
     * their table. The one that would end first makes room. */
    FALLBACK_IMAGES_MAX = 512,
    FALLBACK_UPSTREAMS_MAX = 50,         /* ECR's rules of an account and region */
    FALLBACK_NAME_MAX = 255 + 129 + 136, /* bytes: repository, ":" and tag, "@" and digest */
    FALLBACK_NODE_MAX = 253,             /* bytes: a DNS subdomain */
    FALLBACK_NAMESPACE_MAX = 63,         /* bytes: a DNS label */
};

struct fallback_settings {
    int64_t remember_ms; /* fallback.remember: of the first failure; at most FALLBACK_LONGEST_MS */
};

/* A pull that failed; the texts are borrowed for the call. One of PULL_OTHER changes nothing, nor
 * does one whose texts are longer than the bounds above, or one that was throttled upstream. */
struct fallback_pull {
    enum pull_class class;
    bool own; /* under the image's own name; of one that isn't turned away it changes nothing */
    struct slice prefix;    /* of its upstream: "dockercache" */
    struct slice image;     /* in the cache, below the host: "dockercache/library/nginx:1.27" */
    struct slice node;      /* any text that tells nodes apart; may be empty */
    struct slice namespace; /* of the pod, where the report is from; the same */
    int64_t age_ms;         /* since it happened, by the wall's clock; below 0 is 0 */
};

/* What a call changed: a set of these, 0 where the last table is still true. */
enum fallback_change {
    FALLBACK_IMAGE = 1,    /* an image is turned away from the cache; pull.own: goes there */
    FALLBACK_UPSTREAM = 2, /* an upstream does */
    FALLBACK_OPENED = 4,   /* all are: the registry is down */
    FALLBACK_CLOSED = 8,   /* it is back */
    FALLBACK_ENDED = 16,   /* an image's or upstream's time is over */
    FALLBACK_BLIND = 32,   /* with FALLBACK_CLOSED: FALLBACK_BLIND_MS are over */
};

struct fallback;

struct fallback *fallback_new(const struct fallback_settings *settings);
void fallback_free(struct fallback *fallback); /* NULL is allowed */

/* Go on by other settings. What is known of upstreams whose prefix isn't `kept` is forgotten. */
unsigned fallback_configure(struct fallback *fallback, const struct fallback_settings *settings,
                            bool (*kept)(const void *context, struct slice prefix),
                            const void *context);
/* There are no probes any more, or another way of asking: what the last one said counts no more. */
void fallback_forget_probes(struct fallback *fallback);

/* Each returns what it changed, what fell due by now_ms included. */
unsigned fallback_failure(struct fallback *fallback, const struct fallback_pull *pull,
                          int64_t now_ms);
/* `alive`: the registry has answered (401 is an answer, 5xx is none). */
unsigned fallback_probe(struct fallback *fallback, bool alive, int64_t now_ms);
/* What falls due by itself; *next_ms: how long until the next does, -1 if nothing will. */
unsigned fallback_settle(struct fallback *fallback, int64_t now_ms, int64_t *next_ms);

/* Whether an image can be sent to the cache with confidence: neither it, nor its upstream, nor the
 * registry is turned away from or would be but for its own name's failure, and the last probe was
 * answered. As of the last call above. */
bool fallback_is_well(const struct fallback *fallback, struct slice prefix, struct slice image);

/* Images and upstreams that had to make room before their end, since the start. */
uint64_t fallback_dropped(const struct fallback *fallback);

#endif
