/*
 * A plan as what the API server is sent. Every operation of the patch is held by tests: of the
 * pod, of its version and of the image, so that nothing is changed that was not judged.
 */
#include "pullthrough/core/kube/heal_plan.h"

#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/review/annotations.h"
#include "pullthrough/core/review/pod_gate.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum {
    EVENT_NAME_MAX = 253, /* bytes of an object's name: a DNS subdomain (RFC 1123) */
    EVENT_HASH_BYTES = 8,
};

static void add_operation(struct strbuf *out, const char *operation, const char *path,
                          struct slice value)
{
    strbuf_add_format(out, "%s{\"op\":\"%s\",\"path\":\"%s\"", out->len > 1 ? "," : "", operation,
                      path);
    if (value.ptr) {
        strbuf_add_str(out, ",\"value\":");
        strbuf_add_json(out, value);
    }
    strbuf_add_char(out, '}');
}

/* The path of an annotation of ours, "/" as RFC 6901 wants it. */
static void add_annotation(struct strbuf *out, const char *operation, const char *name,
                           struct slice value)
{
    struct slice key = slice_str(name);
    size_t slash = slice_find(key, '/');
    char path[128];

    (void)snprintf(path, sizeof(path), "/metadata/annotations/%.*s~1%s", (int)slash, key.ptr,
                   name + slash + 1);
    add_operation(out, operation, path, value);
}

void heal_plan_print_patch(const struct heal_plan *plan, struct strbuf *out)
{
    char path[64];

    strbuf_add_char(out, '[');
    add_operation(out, "test", "/metadata/uid", plan->uid);
    add_operation(out, "test", "/metadata/resourceVersion", plan->version);
    for (size_t i = 0; i < plan->n; i++) {
        const struct pod_image *container = plan->changes[i].container;

        (void)snprintf(path, sizeof(path), "/spec/%s/%u/image", pod_image_field(container->list),
                       container->index);
        add_operation(out, "test", path, container->text);
        add_operation(out, "replace", path, plan->changes[i].image);
    }
    if (!plan->puts_back)
        add_annotation(out, "add", POD_GATE_SWITCH, slice_str("disabled"));
    else if (plan->takes_mark_away)
        add_annotation(out, "remove", POD_GATE_SWITCH, slice_of(NULL, 0));
    add_annotation(out, "add", HEALED_ANNOTATION, plan->healed);
    strbuf_add_char(out, ']');
}

/* The pod's name as far as there is room, and what tells this change of it from every other. */
static void add_event_name(struct strbuf *out, const struct heal_plan *plan, size_t i)
{
    STRBUF_CLEANUP struct strbuf change = STRBUF_INIT(HEAL_EVENT_MAX);
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(EVENT_NAME_MAX);
    const size_t most = EVENT_NAME_MAX - 1 - 2 * (size_t)EVENT_HASH_BYTES;
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct slice pod = plan->name;

    strbuf_add_slice(&change, plan->uid);
    strbuf_add_format(&change, "\n%.*s\n%s/%u", SLICE_FMT(plan->version),
                      pod_image_field(plan->changes[i].container->list),
                      plan->changes[i].container->index);
    if (EVP_Digest(change.ptr, change.len, digest, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory: nothing else can fail here */
    if (pod.len > most)
        pod.len = most;
    while (pod.len && (pod.ptr[pod.len - 1] == '.' || pod.ptr[pod.len - 1] == '-'))
        pod.len--; /* each label ends in a letter or digit */
    strbuf_add_slice(&name, pod);
    strbuf_add_char(&name, '.');
    for (size_t byte = 0; byte < EVENT_HASH_BYTES; byte++)
        strbuf_add_format(&name, "%02x", digest[byte]);
    strbuf_add_json(out, strbuf_slice(&name));
}

static void add_member(struct strbuf *out, const char *name, struct slice text)
{
    strbuf_add_format(out, ",\"%s\":", name);
    strbuf_add_json(out, text);
}

static void add_involved(struct strbuf *out, const struct heal_plan *plan,
                         const struct pod_image *container)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(HEAL_EVENT_MAX);

    strbuf_add_format(&path, "spec.%s{%.*s}", pod_image_field(container->list),
                      SLICE_FMT(container->name));
    strbuf_add_str(out, ",\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\"");
    add_member(out, "namespace", plan->namespace);
    add_member(out, "name", plan->name);
    add_member(out, "uid", plan->uid);
    add_member(out, "fieldPath", strbuf_slice(&path));
    strbuf_add_char(out, '}');
}

static void add_message(struct strbuf *out, const struct heal_plan *plan,
                        const struct heal_change *change, const char *cause)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(HEAL_EVENT_MAX);

    strbuf_add_format(&text, "\"%.*s\" could not be pulled %s", SLICE_FMT(change->container->text),
                      plan->puts_back ? "either" : "through the cache");
    if (cause)
        strbuf_add_format(&text, " (%s)", cause);
    strbuf_add_format(&text, "; \"%.*s\" %s", SLICE_FMT(change->image),
                      plan->puts_back ? "again" : "instead");
    add_member(out, "message", strbuf_slice(&text));
}

void heal_plan_print_event(const struct heal_plan *plan, size_t i, const struct heal_event *event,
                           struct strbuf *out)
{
    static const struct slice component = {.ptr = "pullthrough", .len = 11};
    STRBUF_CLEANUP struct strbuf now = STRBUF_INIT(64);

    timestamp_print_rfc3339(&now, event->now_s);
    strbuf_add_str(out, "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":");
    add_event_name(out, plan, i);
    add_member(out, "namespace", plan->namespace);
    strbuf_add_char(out, '}');
    add_involved(out, plan, plan->changes[i].container);
    add_member(out, "reason", slice_str(plan->puts_back ? "PutBackToCache" : "PulledFromUpstream"));
    add_message(out, plan, &plan->changes[i], event->cause);
    add_member(out, "type", slice_str("Normal"));
    add_member(out, "firstTimestamp", strbuf_slice(&now));
    add_member(out, "lastTimestamp", strbuf_slice(&now));
    strbuf_add_str(out, ",\"count\":1,\"source\":{\"component\":\"pullthrough\"}");
    add_member(out, "reportingComponent", component);
    add_member(out, "reportingInstance", slice_str(event->instance));
    strbuf_add_char(out, '}');
}
