/*
 * What healing a pod asks of the API server: to read it, to patch it, and to say so in an Event.
 *
 * Each: the outcome, with the reason in error unless it is KUBE_DONE. Names are checked: what is
 * no name of a namespace or a pod is KUBE_FAILED, and nothing is asked. One attempt a call, bounded
 * in time (kube_client_config.total_ms), with the token as it is then.
 */
#ifndef PULLTHROUGH_EDGE_KUBE_KUBE_PODS_H
#define PULLTHROUGH_EDGE_KUBE_KUBE_PODS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/kube/kube_client.h"

/* With KUBE_DONE *pod is the Pod's JSON instead of what it was; its ceiling counts, and
 * KUBE_ANSWER_MAX (3 MiB) is enough for every pod. KUBE_ABSENT: it is gone. */
enum kube_outcome kube_pods_get(struct kube_client *client, struct slice namespace,
                                struct slice name, struct strbuf *pod, struct error *error);

/* Apply a JSON Patch (RFC 6902). KUBE_ABSENT: it is gone. KUBE_CONFLICT: a `test` failed (422), or
 * somebody wrote in between (409): the race is lost. KUBE_DENIED: RBAC, the token, or a policy that
 * confines us. KUBE_FAILED: also where the pod would be invalid. */
enum kube_outcome kube_pods_patch(struct kube_client *client, struct slice namespace,
                                  struct slice name, struct slice patch, struct error *error);

/* Make an Event (core/v1, JSON). KUBE_ABSENT: the namespace is gone. KUBE_CONFLICT: there is one of
 * this name. */
enum kube_outcome kube_pods_create_event(struct kube_client *client, struct slice namespace,
                                         struct slice event, struct error *error);

#endif
