/*
 * A plan as what the API server is sent. Every operation of the patch is held by tests: of the
 * pod, of its version and of the image, so that nothing is changed that was not judged.
 */
#include "pullthrough/core/kube/heal_plan.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_writer.h"
#include "pullthrough/core/review/annotations.h"
#include "pullthrough/core/review/pod_gate.h"

#include <openssl/evp.h>
#include <stdio.h>

enum {
    EVENT_NAME_MAX = 253, /* bytes of an object's name: a DNS subdomain (RFC 1123) */
    EVENT_HASH_BYTES = 8,
};

static void add_operation(struct json_writer *json, const char *operation, const char *path,
                          struct slice value)
{
    json_add_object(json, NULL);
    json_add_text(json, "op", operation);
    json_add_text(json, "path", path);
    if (value.ptr)
        json_add_slice(json, "value", value);
    json_end(json);
}

/* Of an annotation of ours, whose "/" is written as RFC 6901 wants it. */
static void add_annotation(struct json_writer *json, const char *operation, const char *name,
                           struct slice value)
{
    int slash = (int)slice_find(slice_str(name), '/');
    char path[128];

    (void)snprintf(path, sizeof(path), "/metadata/annotations/%.*s~1%s", slash, name,
                   name + slash + 1);
    add_operation(json, operation, path, value);
}

void heal_plan_print_patch(const struct heal_plan *plan, struct strbuf *out)
{
    struct json_writer json = {.out = out};
    char path[64];

    json_add_array(&json, NULL);
    add_operation(&json, "test", "/metadata/uid", plan->uid);
    add_operation(&json, "test", "/metadata/resourceVersion", plan->version);
    for (size_t i = 0; i < plan->n; i++) {
        const struct pod_image *container = plan->changes[i].container;

        (void)snprintf(path, sizeof(path), "/spec/%s/%u/image", pod_image_field(container->list),
                       container->index);
        add_operation(&json, "test", path, container->text);
        add_operation(&json, "replace", path, plan->changes[i].image);
    }
    if (!plan->puts_back)
        add_annotation(&json, "add", POD_GATE_SWITCH, slice_str("disabled"));
    else if (plan->takes_mark_away)
        add_annotation(&json, "remove", POD_GATE_SWITCH, slice_of(NULL, 0));
    add_annotation(&json, "add", HEALED_ANNOTATION, plan->healed);
    json_end_all(&json);
}

/* The pod's name as far as there is room, and what tells this change of it from every other. */
static void add_event_name(struct json_writer *json, const struct heal_plan *plan, size_t i)
{
    const struct pod_image *container = plan->changes[i].container;
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(HEAL_EVENT_MAX);
    const size_t most = EVENT_NAME_MAX - 1 - 2 * (size_t)EVENT_HASH_BYTES;
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct slice pod = plan->name;

    strbuf_add_format(&text, "%.*s\n%.*s\n%s/%u", SLICE_FMT(plan->uid), SLICE_FMT(plan->version),
                      pod_image_field(container->list), container->index);
    alloc_must(EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL) == 1);
    strbuf_clear(&text);
    if (pod.len > most)
        pod.len = most;
    while (pod.len && (pod.ptr[pod.len - 1] == '.' || pod.ptr[pod.len - 1] == '-'))
        pod.len--; /* each label ends in a letter or digit */
    strbuf_add_slice(&text, pod);
    strbuf_add_char(&text, '.');
    for (size_t byte = 0; byte < EVENT_HASH_BYTES; byte++)
        strbuf_add_format(&text, "%02x", digest[byte]);
    json_add_slice(json, "name", strbuf_slice(&text));
}

static void add_involved(struct json_writer *json, const struct heal_plan *plan,
                         const struct pod_image *container)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(HEAL_EVENT_MAX);

    strbuf_add_format(&path, "spec.%s{%.*s}", pod_image_field(container->list),
                      SLICE_FMT(container->name));
    json_add_object(json, "involvedObject");
    json_add_text(json, "apiVersion", "v1");
    json_add_text(json, "kind", "Pod");
    json_add_slice(json, "namespace", plan->namespace);
    json_add_slice(json, "name", plan->name);
    json_add_slice(json, "uid", plan->uid);
    json_add_slice(json, "fieldPath", strbuf_slice(&path));
    json_end(json);
}

static void add_message(struct json_writer *json, const struct heal_plan *plan,
                        const struct heal_change *change, const char *cause)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(HEAL_EVENT_MAX);

    strbuf_add_format(&text, "\"%.*s\" could not be pulled %s", SLICE_FMT(change->container->text),
                      plan->puts_back ? "either" : "through the cache");
    if (cause)
        strbuf_add_format(&text, " (%s)", cause);
    strbuf_add_format(&text, "; \"%.*s\" %s", SLICE_FMT(change->image),
                      plan->puts_back ? "again" : "instead");
    json_add_slice(json, "message", strbuf_slice(&text));
}

void heal_plan_print_event(const struct heal_plan *plan, size_t i, const struct heal_event *event,
                           struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf now = STRBUF_INIT(64);
    struct json_writer json = json_begin(out, false);

    timestamp_print_rfc3339(&now, event->now_s);
    json_add_text(&json, "apiVersion", "v1");
    json_add_text(&json, "kind", "Event");
    json_add_object(&json, "metadata");
    add_event_name(&json, plan, i);
    json_add_slice(&json, "namespace", plan->namespace);
    json_end(&json);
    add_involved(&json, plan, plan->changes[i].container);
    json_add_text(&json, "reason", plan->puts_back ? "PutBackToCache" : "PulledFromUpstream");
    add_message(&json, plan, &plan->changes[i], event->cause);
    json_add_text(&json, "type", "Normal");
    json_add_slice(&json, "firstTimestamp", strbuf_slice(&now));
    json_add_slice(&json, "lastTimestamp", strbuf_slice(&now));
    json_add_number(&json, "count", 1);
    json_add_object(&json, "source");
    json_add_text(&json, "component", "pullthrough");
    json_end(&json);
    json_add_text(&json, "reportingComponent", "pullthrough");
    json_add_text(&json, "reportingInstance", event->instance);
    json_end_all(&json);
}
