/*
 * A pull from the cache that failed, as a node's kubelet tells it by an Event.
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
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

enum { PULL_FAILURE_WHY_MAX = 4096 /* bytes: what is longer is cut before it is judged */ };

/* Texts may have any bytes, and live as long as the Event. */
struct pull_failure {
    struct slice namespace, pod, uid;
    /* "containers", "initContainers" or "ephemeralContainers", the key in spec, static, and the
     * container's name; NULL and empty where the Event names none (an image volume's). */
    const char *list;
    struct slice container;
    struct slice image; /* as the pod has it */
    struct slice name;  /* of it, what is below our host: "dockercache/library/nginx:1.27" */
    int upstream;       /* index in the rule set; it may be switched off there */
    enum pull_class class;
    struct slice why;  /* the runtime's words, at most PULL_FAILURE_WHY_MAX; to be redacted */
    struct slice node; /* may be empty */
    int64_t last_s;    /* when it was seen last, seconds since 1970 by the node; 0 if not known */
};

/* Of an Event (core/v1) as JSON. False: it is another one, of another kind or reason, not
 * kubelet's, or of an image that isn't below our host and prefixes; *failure is of no use then. */
bool pull_failure_read(struct pull_failure *failure, const struct rule_set *rules,
                       yyjson_val *event);

#endif
