/*
 * A pull that failed, as a node's kubelet tells it by an Event: one from the cache, or of an image
 * under its own name that would be in the cache.
 *
 * Kubelet writes Events of reason Failed with the message `Failed to pull image "IMAGE": WHY`
 * (pkg/kubelet/images/image_manager.go); WHY is the container runtime's, and only some of its words
 * are looked for, since whole texts differ from version to version. Whoever may create Events can
 * write such a one: what it says is a reason to look, never a proof.
 */
#ifndef PULLTHROUGH_CORE_KUBE_PULL_FAILURE_H
#define PULLTHROUGH_CORE_KUBE_PULL_FAILURE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/fallback/fallback.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

enum {
    PULL_FAILURE_WHY_MAX = 4096, /* bytes: what is longer is cut before it is judged */
    PULL_FAILURE_AHEAD_S = 60,   /* so far clocks may be apart; an Event of later has no time */
};

/* Texts may have any bytes, but for the image and its name, and live as long as the Event. */
struct pull_failure {
    struct slice namespace, pod, uid;
    /* "containers", "initContainers" or "ephemeralContainers", the key in spec, static, and the
     * container's name; NULL and empty where the Event names none (an image volume's). */
    const char *list;
    struct slice container;
    struct slice image; /* as the pod has it: a reference */
    bool own;           /* it isn't the cache's: its own name, of which the cache may have one */
    /* The cache's, what is below our host: "dockercache/library/nginx:1.27". Of an `own` one it
     * lies in `text`, so such a struct can't be copied. */
    struct slice name;
    char text[REWRITE_TEXT_MAX];
    int upstream; /* index in the rule set; it may be switched off there */
    enum pull_class class;
    struct slice why;  /* the runtime's words, at most PULL_FAILURE_WHY_MAX; to be redacted */
    struct slice node; /* may be empty */
    unsigned count;    /* of this failure so far, at least; 0 if not known */
    int64_t last_s;    /* when it was seen last, seconds since 1970 by the node; 0 if not known */
};

/* Of an Event (core/v1) as JSON. False: it is another one, of another kind or reason, not
 * kubelet's, or of an image that neither is below our host and prefixes nor could be; *failure is
 * of no use then. */
bool pull_failure_read(struct pull_failure *failure, const struct rule_set *rules,
                       yyjson_val *event);

/* How long ago it was, in milliseconds; INT64_MAX where that can't be known: the Event names no
 * time, or one that is too far ahead, or ahead at all and was told before (it would be new for
 * ever). */
int64_t pull_failure_age_ms(const struct pull_failure *failure, int64_t now_s, bool again);

#endif
