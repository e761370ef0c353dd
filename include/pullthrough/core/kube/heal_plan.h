/*
 * What to change of a pod that is stuck, because an image can't be pulled through the cache: its
 * containers that wait for such an image get the one back that they were created with. And back
 * again, once, where that can't be pulled either while the cache is well.
 *
 * Pure. Judged is the pod as the API server has it now; the Event that told of it (pull_failure.h)
 * only says where to look. Annotations may be a user's, so an original is taken only if its own
 * rewriting, by host, prefixes and aliases (rewrite_static()), is the image that fails, and one in
 * the cache only if it is the original's.
 *
 * That a container is healed and put back once each stands on the pod (HEALED_ANNOTATION), for all
 * replicas and all time. A heal sets the pod's switch to "disabled", without which the webhook
 * would rewrite the image again; putting back takes it away.
 */
#ifndef PULLTHROUGH_CORE_KUBE_HEAL_PLAN_H
#define PULLTHROUGH_CORE_KUBE_HEAL_PLAN_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/review/pod_images.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HEAL_CONTAINERS_MAX = 4096,        /* of a pod, and statuses; as REVIEW_IMAGES_MAX */
    HEAL_ARENA_MAX = 64 * 1024 * 1024, /* bytes: a ceiling for a pod of KUBE_ANSWER_MAX */
    HEAL_EVENT_MAX = 16 * 1024,        /* bytes of one Event as JSON */
    HEAL_PATCH_MAX = 1024 * 1024,      /* bytes: KUBE_REQUEST_MAX */
};

/* Why a pod isn't changed. */
enum heal_reason {
    HEAL_NOT_YET = 1,     /* the status doesn't say that the pull failed: look again soon */
    HEAL_ANOTHER_POD,     /* the name is another pod's by now */
    HEAL_DELETED,         /* it is being deleted */
    HEAL_ENDED,           /* it failed or succeeded as a whole */
    HEAL_MIRROR_POD,      /* a static pod's mirror: changes never reach the container */
    HEAL_SKIPPED_POD,     /* its namespace, its label, or an operator that compares images */
    HEAL_OPTED_OUT,       /* its switch, or that of the container, is somebody else's */
    HEAL_IMMUTABLE,       /* an ephemeral container or an image volume, or an unknown list */
    HEAL_NO_CONTAINER,    /* it has none of this name */
    HEAL_ANOTHER_IMAGE,   /* the container asks for another image by now */
    HEAL_HEALED,          /* it was healed from this image: the plan has the changes */
    HEAL_NOT_OURS,        /* the image is not in the cache, and no healed one */
    HEAL_NO_ORIGINAL,     /* nothing says what the image was */
    HEAL_NOT_REWRITTEN,   /* what says so names an image that would not become this one */
    HEAL_DONE_BEFORE,     /* this container was healed, or put back, already */
    HEAL_RUNNING,         /* the container runs, and would be restarted */
    HEAL_WAITS_OTHERWISE, /* the container waits, but not for an image */
    HEAL_CACHE_NOT_WELL,  /* it could be put back, but not now */
    HEAL_NO_ROOM,         /* its annotations would be over ALL_ANNOTATIONS_MAX */
};
enum { HEAL_REASON_COUNT = HEAL_NO_ROOM + 1 };
const char *heal_reason_name(enum heal_reason reason); /* "not-yet", ...; static storage */

struct heal_request {
    const struct rule_set *rules;
    /* As the Event has them, any bytes. `list`: "containers" or "initContainers". */
    struct slice uid, list, container, image;
    /* Whether a healed container may be put back: the cache is known to be well for this image, and
     * it has been failing by its own name for long enough. */
    bool may_put_back;
};

/* One container. */
struct heal_change {
    const struct pod_image *container; /* list, index, name; its text is the image that fails */
    struct slice image;                /* that it gets */
};

/* Everything lives in the arena. */
struct heal_plan {
    struct slice namespace, name, uid, version; /* of the pod */
    bool puts_back;                             /* to the cache; else to upstream */
    bool takes_mark_away;                       /* with puts_back: the switch is there */
    /* In the pod's order: the one that was asked about, and all others that wait alike; where it is
     * put back, or the pod has image volumes or too much of everything, that one only. Of
     * HEAL_HEALED those that were healed by what stands on the pod; a patch can't be made of them.
     */
    const struct heal_change *changes;
    size_t n;
    struct slice healed; /* the value of HEALED_ANNOTATION then */
};

/* 0 and the plan; an enum heal_reason; or -1 with the reason where `pod` isn't a pod, or takes more
 * memory than the arena's ceiling leaves. `pod` must live as long as the plan is read. */
int heal_plan_make(struct heal_plan *plan, const struct heal_request *request, struct slice pod,
                   struct arena *arena, struct error *error);

/* The JSON Patch (RFC 6902). It applies only to this pod, as it was read. At most HEAL_PATCH_MAX
 * bytes, or `out` overflows. */
void heal_plan_print_patch(const struct heal_plan *plan, struct strbuf *out);

/* What is said of it on the pod. */
struct heal_event {
    const char *cause;    /* a word, "absent"; NULL: not known */
    const char *instance; /* who did it: the own pod's name */
    int64_t now_s;        /* since 1970 */
};

/* An Event (core/v1) for changes[i], for POST to the pod's namespace; the same for the same change
 * of the same pod, so that one that is sent twice is refused as a duplicate. */
void heal_plan_print_event(const struct heal_plan *plan, size_t i, const struct heal_event *event,
                           struct strbuf *out);

#endif
