/*
 * The names come from Events and pods, which anybody may write: what could change a URL is
 * refused before there is one.
 */
#include "pullthrough/edge/kube/kube_pods.h"

#include "kube_call.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/core/config/kube_names.h"

#include <stdio.h>

/* An empty name: the list itself. -1 with the reason. */
static int begin(struct kube_call *call, const struct kube_client *client, const char *kind,
                 struct slice namespace, struct slice name, struct error *error)
{
    const char *slash = name.len ? "/" : "";

    if (kube_name_namespace(namespace, error) || (name.len && kube_name_object(name, error)))
        return error_prefix(error, "could not %s %s", call->verb, kind);
    strbuf_init(&call->url, URL_MAX);
    strbuf_add_format(&call->url, "%s/api/v1/namespaces/%.*s/%s%s%.*s", strbuf_str(&client->server),
                      SLICE_FMT(namespace), kind, slash, SLICE_FMT(name));
    (void)snprintf(call->object, sizeof(call->object), "%s%s%.*s in namespace %.*s", kind, slash,
                   SLICE_FMT(name), SLICE_FMT(namespace));
    return 0;
}

static int begin_pod(struct kube_call *call, const struct kube_client *client,
                     struct slice namespace, struct slice name, struct error *error)
{
    if (!name.len)
        return error_set(error, "could not %s pods: the pod has no name", call->verb);
    return begin(call, client, "pods", namespace, name, error);
}

enum kube_outcome kube_pods_get(struct kube_client *client, struct slice namespace,
                                struct slice name, struct strbuf *pod, struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call call = {.method = "GET", .verb = "get"};
    enum kube_outcome outcome;

    http_client_answer_init(&answer, pod->ceiling, false);
    if (begin_pod(&call, client, namespace, name, error))
        return KUBE_FAILED;
    outcome = kube_call_send(client, &call, &answer, error);
    if (outcome == KUBE_DONE) {
        struct strbuf old = *pod;

        *pod = answer.body;
        answer.body = old;
    }
    return outcome;
}

/* Send the body; what is answered is only as long as the object. */
static enum kube_outcome write_object(struct kube_client *client, const struct kube_call *call,
                                      struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, false);
    return kube_call_send(client, call, &answer, error);
}

enum kube_outcome kube_pods_patch(struct kube_client *client, struct slice namespace,
                                  struct slice name, struct slice patch, struct error *error)
{
    KUBE_CALL_CLEANUP struct kube_call call = {.method = "PATCH",
                                               .verb = "patch",
                                               .content_type = "application/json-patch+json",
                                               .body = patch};

    if (begin_pod(&call, client, namespace, name, error))
        return KUBE_FAILED;
    return write_object(client, &call, error);
}

enum kube_outcome kube_pods_create_event(struct kube_client *client, struct slice namespace,
                                         struct slice event, struct error *error)
{
    KUBE_CALL_CLEANUP struct kube_call call = {
        .method = "POST", .verb = "create", .content_type = "application/json", .body = event};

    if (begin(&call, client, "events", namespace, (struct slice){0}, error))
        return KUBE_FAILED;
    return write_object(client, &call, error);
}
