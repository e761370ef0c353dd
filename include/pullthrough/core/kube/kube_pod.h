/*
 * What a node makes of one container's image, as the API server tells it of a pod: not yet pulled,
 * pulled, or why not; and what to do where a pull through the cache failed.
 *
 * Kubelet's reasons (pkg/kubelet/images/types.go,
 * pkg/kubelet/kuberuntime/kuberuntime_container.go): ErrImagePull and its kind stand for a try that
 * failed, ImagePullBackOff for the wait until the next, and those of a container that can't be made
 * or started come after its image was pulled.
 */
#ifndef PULLTHROUGH_CORE_KUBE_KUBE_POD_H
#define PULLTHROUGH_CORE_KUBE_KUBE_POD_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

enum { KUBE_POD_TEXT_MAX = 2048 };

enum kube_pull {
    KUBE_PULL_AWAITED,
    KUBE_PULL_DONE,
    KUBE_PULL_FAILED, /* this time: kubelet tries again */
};

struct kube_container {
    enum kube_pull pull;
    bool hopeless;        /* with KUBE_PULL_FAILED: no try will ever go better */
    struct strbuf image;  /* as the pod asks for it */
    struct strbuf reason; /* kubelet's word, "ErrImagePull"; empty but with KUBE_PULL_FAILED */
    /* Its sentence, may be empty, without what may be secret in it (redact.h); what is too long is
     * cut. It may hold any character. */
    struct strbuf message;
};

void kube_container_init(struct kube_container *container);
void kube_container_fini(struct kube_container *container);

/* Replaces what *container holds by what a Pod says of its container `name`; one that is being
 * deleted says nothing. -1 with the reason where it is no pod, or has no container of that name. */
int kube_decode_container(struct kube_container *container, struct slice body, const char *name,
                          struct error *error);

/* What to do about a pull through the cache that failed with these words; never NULL. */
const char *kube_pull_advice(const struct kube_container *container);

#endif
