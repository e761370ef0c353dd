/*
 * Kubernetes' API server, from inside a pod: one Secret, one MutatingWebhookConfiguration, and what
 * became of one container of a pod.
 *
 * In-cluster configuration: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, and the service
 * account's folder with token, ca.crt and namespace (PULLTHROUGH_SERVICE_ACCOUNT names another
 * one). The token is read for each request, since kubelet exchanges it. One attempt a request,
 * past any proxy, bounded in time and size: when to ask again is the caller's business.
 */
#ifndef PULLTHROUGH_EDGE_KUBE_KUBE_CLIENT_H
#define PULLTHROUGH_EDGE_KUBE_KUBE_CLIENT_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/certificate/certificate.h"
#include "pullthrough/core/kube/kube_messages.h"
#include "pullthrough/core/kube/kube_pod.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdint.h>

enum {
    KUBE_CLIENT_CONNECT_MS = 5000,
    KUBE_CLIENT_TOTAL_MS = 10000,
    /* A smaller difference is no reason to doubt our clock; a Date has whole seconds, and the
     * answer was under way. */
    KUBE_CLIENT_SKEW_LEAST_S = 30,
};

struct kube_client;

struct kube_client_config {
    struct environment environment;
    struct timing timing; /* its clock, and stopped() */
    const char *user_agent;
    uint64_t total_ms; /* 0: KUBE_CLIENT_TOTAL_MS */
};

/* -1 with the reason where the environment says that this is not a pod of a cluster. */
int kube_client_check(const struct environment *environment, struct error *error);

/* -1 with the reason. One thread at a time may use it. */
int kube_client_new(struct kube_client **clientp, const struct kube_client_config *config,
                    struct error *error);
void kube_client_free(struct kube_client *client);

/* Append the name of the namespace that we run in. -1 with the reason. */
int kube_client_namespace(const struct kube_client *client, struct strbuf *out,
                          struct error *error);

/* The API server's clock minus ours by its last answer, or 0 where they don't differ much. Its
 * clock is the one that certificates are judged by. */
int64_t kube_client_skew_s(const struct kube_client *client);

/* Each: the outcome, with the reason in error unless it is KUBE_DONE. Names are valid names of
 * Kubernetes objects. */

enum kube_outcome kube_client_get_secret(struct kube_client *client, const char *namespace,
                                         const char *name, struct kube_secret *secret,
                                         struct error *error);
/* Needs `create` and `patch` for this name, no more; KUBE_CONFLICT if another one made it. */
enum kube_outcome kube_client_create_secret(struct kube_client *client, const char *namespace,
                                            const char *name, const struct certificate_set *set,
                                            struct error *error);
/* KUBE_CONFLICT unless it still has this version. */
enum kube_outcome kube_client_patch_secret(struct kube_client *client, const char *namespace,
                                           const char *name, const char *version,
                                           const struct certificate_set *set, struct error *error);

enum kube_outcome kube_client_get_webhooks(struct kube_client *client, const char *name,
                                           struct kube_webhooks *webhooks, struct error *error);
/* Give each webhook the CAs of the set; KUBE_CONFLICT unless the configuration is still the one
 * that was read. */
enum kube_outcome kube_client_patch_webhooks(struct kube_client *client, const char *name,
                                             const struct kube_webhooks *webhooks,
                                             const struct certificate_set *set,
                                             struct error *error);

enum kube_outcome kube_client_get_container(struct kube_client *client, const char *namespace,
                                            const char *pod, const char *name,
                                            struct kube_container *container, struct error *error);

#endif
