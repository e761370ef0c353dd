/*
 * One container of a Pod, read by jansson; members of another shape than expected count as absent,
 * since kubelet has not said anything then.
 */
#include "pullthrough/core/kube/kube_pod.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/kube/kube_messages.h"

#include <string.h>

void kube_container_init(struct kube_container *container)
{
    *container = (struct kube_container){.image = STRBUF_INIT(KUBE_POD_TEXT_MAX),
                                         .reason = STRBUF_INIT(KUBE_POD_TEXT_MAX),
                                         .message = STRBUF_INIT(KUBE_POD_TEXT_MAX)};
}

void kube_container_fini(struct kube_container *container)
{
    strbuf_fini(&container->image);
    strbuf_fini(&container->reason);
    strbuf_fini(&container->message);
}

static struct slice text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
                                 : (struct slice){0};
}

/* The item of a list whose member "name" is `name`, or NULL. */
static const json_t *find_named(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (slice_is(text_of(json_array_get(list, i), "name"), name))
            return json_array_get(list, i);
    return NULL;
}

/* Where layers lie, ECR says by URLs that are signed, and container runtimes quote them. */
static void add_message(struct strbuf *out, struct slice text)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * KUBE_ANSWER_MAX);

    redact_text(&shown, text);
    strbuf_add(out, strbuf_str(&shown),
               shown.len < KUBE_POD_TEXT_MAX ? shown.len : KUBE_POD_TEXT_MAX);
}

static bool is_one_of(struct slice text, const char *const *words)
{
    for (; *words; words++)
        if (slice_is(text, *words))
            return true;
    return false;
}

static void judge_waiting(struct kube_container *container, const json_t *waiting)
{
    static const char *const no_pull[] = {
        "ErrImagePull",        "ImagePullBackOff",          "InvalidImageName",
        "ErrInvalidImageName", "ImageInspectError",         "ErrImageNeverPull",
        "RegistryUnavailable", "SignatureValidationFailed", NULL};
    static const char *const hopeless[] = {"InvalidImageName", "ErrInvalidImageName",
                                           "ErrImageNeverPull", NULL};
    static const char *const before[] = {"", "ContainerCreating", "PodInitializing", NULL};
    struct slice reason = text_of(waiting, "reason");

    if (is_one_of(reason, before))
        return;
    if (!is_one_of(reason, no_pull)) {
        container->pull = KUBE_PULL_DONE; /* CreateContainerError and the like */
        return;
    }
    container->pull = KUBE_PULL_FAILED;
    container->hopeless = is_one_of(reason, hopeless);
    strbuf_add_slice(&container->reason, reason);
    add_message(&container->message, text_of(waiting, "message"));
}

int kube_decode_container(struct kube_container *container, struct slice body, const char *name,
                          struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const json_t *spec, *status, *state;

    strbuf_clear(&container->image);
    strbuf_clear(&container->reason);
    strbuf_clear(&container->message);
    container->pull = KUBE_PULL_AWAITED;
    container->hopeless = false;
    if (!root)
        return -1;
    spec = find_named(json_object_get(json_object_get(root, "spec"), "containers"), name);
    if (!spec)
        return error_set(error, "the pod has no container \"%s\"", name);
    strbuf_add_slice(&container->image, text_of(spec, "image"));
    status =
        find_named(json_object_get(json_object_get(root, "status"), "containerStatuses"), name);
    state = json_object_get(status, "state");
    if (json_is_string(json_object_get(json_object_get(root, "metadata"), "deletionTimestamp")))
        return 0; /* another one of this name will come, or none */
    if (json_is_object(json_object_get(state, "running")) ||
        json_is_object(json_object_get(state, "terminated")))
        container->pull = KUBE_PULL_DONE;
    else
        judge_waiting(container, json_object_get(state, "waiting"));
    return 0;
}

static bool says(const struct strbuf *message, const char *words)
{
    return strstr(strbuf_str(message), words) != NULL;
}

const char *kube_pull_advice(const struct kube_container *container)
{
    const struct strbuf *message = &container->message;

    if (container->hopeless)
        return "the pod asks for an image that no node can pull: check its name and pull policy";
    if (says(message, "toomanyrequests") || says(message, "TOOMANYREQUESTS") ||
        says(message, "429 Too Many Requests"))
        return "ECR or the upstream is asked too often: try again later";
    if (says(message, "no basic auth credentials") || says(message, "401 Unauthorized") ||
        says(message, "authorization failed"))
        return "the node has no login for this registry: its role needs "
               "ecr:GetAuthorizationToken and what else `pullthrough iam nodes` prints, and its "
               "credential provider must know the host";
    if (says(message, "no such host") || says(message, "i/o timeout") ||
        says(message, "connection refused") || says(message, "deadline exceeded"))
        return "the node has no way to the registry: check its network and the VPC endpoints "
               "ecr.dkr, ecr.api and S3's, and that the host is your registry's";
    return "the nodes' role lacks ecr:BatchImportUpstreamImage or ecr:CreateRepository, most "
           "likely: put what `pullthrough iam nodes` prints into a policy of that role. Else "
           "the rule is missing (`pullthrough rules list`), or the host is another account's "
           "(docs/aws.md, \"Pulls that fail\")";
}
