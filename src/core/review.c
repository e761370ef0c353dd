/*
 * decode -> which pod, which lists -> judge each image -> patch -> encode.
 *
 * Every step that does not understand what it sees ends the judgement with a reason; what
 * was found so far changes nothing then, because the patch is written last. The document
 * is walked through json_member(), so that a key given twice means here what it means to
 * the API server.
 */
#include "pullthrough/core/review.h"

#include "pullthrough/core/json_arena.h"
#include "pullthrough/core/json_member.h"
#include "pullthrough/core/originals.h"
#include "pullthrough/core/patch.h"
#include "pullthrough/core/pod_gate.h"
#include "pullthrough/core/pod_images.h"
#include "pullthrough/core/rewrite.h"
#include "review_answer.h"

#include <stdio.h>

/* One call's working set. */
struct call {
    struct review *review;
    const struct rule_set *rules;
    struct arena *arena;
    yyjson_val *request, *resource, *subresource, *pod, *old_pod; /* NULL: absent */
    const char *api_version;
    unsigned lists; /* of enum pod_image_list: those that this operation may change */
};

const char *review_operation_name(enum review_operation operation)
{
    static const char *const names[] = {"CREATE", "UPDATE", "other"};

    return names[operation];
}

const char *review_outcome_name(enum review_outcome outcome)
{
    static const char *const names[] = {"rewritten", "unchanged", "ignored", "not-understood",
                                        "bad-request"};

    return names[outcome];
}

size_t review_arena_bytes(size_t body_bytes)
{
    return json_arena_bytes(body_bytes) + 4096;
}

static void end(struct call *call, enum review_outcome outcome, const char *problem)
{
    call->review->outcome = outcome;
    call->review->problem = problem;
}

static enum review_operation operation_of(struct slice text)
{
    if (slice_is(text, "CREATE"))
        return REVIEW_CREATE;
    return slice_is(text, "UPDATE") ? REVIEW_UPDATE : REVIEW_OTHER;
}

static void read_request(struct call *call)
{
    struct review *review = call->review;
    yyjson_val *uid, *namespace, *name, *dry_run, *operation;
    const struct json_wanted wanted[] = {
        JSON_WANTED("uid", &uid),
        JSON_WANTED("namespace", &namespace),
        JSON_WANTED("name", &name),
        JSON_WANTED("dryRun", &dry_run),
        JSON_WANTED("operation", &operation),
        JSON_WANTED("resource", &call->resource),
        JSON_WANTED("subResource", &call->subresource),
        JSON_WANTED("object", &call->pod),
        JSON_WANTED("oldObject", &call->old_pod),
    };

    json_members(call->request, wanted, sizeof(wanted) / sizeof(wanted[0]));
    review->uid = json_text(uid);
    review->namespace = json_text(namespace);
    review->name = json_text(name);
    review->dry_run = yyjson_is_true(dry_run);
    review->operation = operation_of(json_text(operation));
}

/* The envelope. Without a usable uid no answer would be accepted, so there is none. */
static bool decode(struct call *call, struct slice body)
{
    struct review *review = call->review;
    yyjson_val *root = json_arena_read(call->arena, body);
    yyjson_val *api_version, *kind;
    const struct json_wanted wanted[] = {
        JSON_WANTED("apiVersion", &api_version),
        JSON_WANTED("kind", &kind),
        JSON_WANTED("request", &call->request),
    };
    struct slice version;

    json_members(root, wanted, sizeof(wanted) / sizeof(wanted[0]));
    read_request(call);
    version = json_text(api_version);
    if (!root)
        end(call, REVIEW_BAD_REQUEST, "the body is not JSON");
    else if (!yyjson_is_obj(call->request))
        end(call, REVIEW_BAD_REQUEST, "the body has no request, so no uid to answer to");
    else if (review->uid.len == 0 || review->uid.len > REVIEW_UID_MAX)
        end(call, REVIEW_BAD_REQUEST, "request.uid is not a text of 1 to 256 bytes");
    if (review->outcome == REVIEW_BAD_REQUEST)
        return false;
    call->api_version = slice_is(version, "admission.k8s.io/v1beta1") ? "admission.k8s.io/v1beta1"
                                                                      : "admission.k8s.io/v1";
    if (!slice_is(version, call->api_version) || !slice_is(json_text(kind), "AdmissionReview")) {
        end(call, REVIEW_NOT_UNDERSTOOD, "neither v1 nor v1beta1 AdmissionReview");
        return false;
    }
    return true;
}

/* Which lists this request may change; false: none of our business. */
static bool choose_lists(struct call *call)
{
    struct slice subresource = json_text(call->subresource);
    yyjson_val *group, *version, *resource;
    const struct json_wanted wanted[] = {
        JSON_WANTED("group", &group),
        JSON_WANTED("version", &version),
        JSON_WANTED("resource", &resource),
    };

    json_members(call->resource, wanted, sizeof(wanted) / sizeof(wanted[0]));
    end(call, REVIEW_IGNORED, NULL);
    if (json_text(group).len != 0 || !slice_is(json_text(version), "v1") ||
        !slice_is(json_text(resource), "pods"))
        return false;
    if (call->review->operation == REVIEW_CREATE && subresource.len == 0)
        call->lists = POD_CONTAINERS | POD_INIT_CONTAINERS | POD_IMAGE_VOLUMES;
    else if (call->review->operation == REVIEW_UPDATE && subresource.len == 0)
        call->lists = POD_CONTAINERS | POD_INIT_CONTAINERS; /* volumes are immutable then */
    else if (call->review->operation == REVIEW_UPDATE &&
             slice_is(subresource, "ephemeralcontainers"))
        call->lists = POD_EPHEMERAL_CONTAINERS;
    return call->lists != 0;
}

static void feed_gate(struct pod_gate *gate, yyjson_val *map,
                      void (*feed)(struct pod_gate *, struct slice, struct slice))
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    if (!yyjson_obj_iter_init(map, &iter))
        return;
    while ((key = yyjson_obj_iter_next(&iter)))
        feed(gate, json_text(key), json_text(yyjson_obj_iter_get_val(key)));
}

static enum outcome gate_of(struct call *call)
{
    struct review *review = call->review;
    yyjson_val *namespace, *name, *generate_name, *labels, *annotations;
    const struct json_wanted wanted[] = {
        JSON_WANTED("namespace", &namespace),        JSON_WANTED("name", &name),
        JSON_WANTED("generateName", &generate_name), JSON_WANTED("labels", &labels),
        JSON_WANTED("annotations", &annotations),
    };
    struct pod_gate gate;

    json_members(json_member(call->pod, "metadata"), wanted, sizeof(wanted) / sizeof(wanted[0]));
    /* Older API servers leave one of the two names empty. */
    if (review->namespace.len == 0)
        review->namespace = json_text(namespace);
    if (review->name.len == 0)
        review->name = json_text(name);
    if (review->name.len == 0)
        review->name = json_text(generate_name);
    pod_gate_init(&gate, call->rules, review->namespace);
    feed_gate(&gate, labels, pod_gate_label);
    feed_gate(&gate, annotations, pod_gate_annotation);
    return pod_gate_outcome(&gate);
}

/* The entry of the old pod that `image` stands for; it mostly has the same index. */
static const struct pod_image *same_entry(const struct pod_image *image,
                                          const struct pod_image *old, size_t n_old, size_t hint)
{
    if (hint < n_old && old[hint].list == image->list && slice_equal(old[hint].name, image->name))
        return &old[hint];
    for (size_t i = 0; i < n_old; i++)
        if (old[i].list == image->list && slice_equal(old[i].name, image->name))
            return &old[i];
    return NULL;
}

/* On an update only what the update itself brings may change: a new ephemeral container
 * (those that exist are immutable), or an image that somebody sets (kubelet restarts a
 * container whose image changes, so one that stays must stay). */
static bool is_brought_by_update(const struct pod_image *image, const struct pod_image *old)
{
    if (image->name.len == 0)
        return false;
    if (image->list == POD_EPHEMERAL_CONTAINERS)
        return old == NULL;
    return old != NULL && !slice_equal(image->text, old->text);
}

static struct review_image judge(struct call *call, const struct pod_image *place,
                                 enum outcome gate, struct strbuf *scratch)
{
    struct rewrite_verdict verdict;
    struct review_image image = {.place = *place};

    strbuf_clear(scratch);
    verdict = rewrite_image(call->rules, place->text, scratch);
    image.upstream = verdict.upstream;
    image.outcome = gate == OUTCOME_REWRITTEN ? verdict.outcome : gate;
    if (image.outcome == OUTCOME_INVALID)
        image.reason = verdict.reason;
    if (image.outcome == OUTCOME_REWRITTEN) {
        char *text = arena_alloc(call->arena, scratch->len);

        memcpy(text, scratch->ptr, scratch->len);
        image.rewritten = slice_of(text, scratch->len);
    }
    return image;
}

/* Judge each of the pod's images; false when it is no pod as we know them. */
static bool judge_all(struct call *call)
{
    STRBUF_CLEANUP struct strbuf scratch = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct review *review = call->review;
    bool update = review->operation == REVIEW_UPDATE;
    struct pod_image *places, *old = NULL;
    struct review_image *images;
    enum outcome gate;
    size_t n, n_old = 0;
    int found;

    found = pod_images_collect(call->pod, call->lists, REVIEW_IMAGES_MAX, call->arena, &places, &n);
    if (found == 0 && update)
        found = pod_images_collect(call->old_pod, call->lists, REVIEW_IMAGES_MAX, call->arena, &old,
                                   &n_old);
    if (found) {
        end(call, REVIEW_NOT_UNDERSTOOD,
            found == POD_IMAGES_TOO_MANY ? "over 4096 containers and volumes"
                                         : "the object is not shaped like a pod");
        return false;
    }
    gate = gate_of(call);
    images = arena_alloc(call->arena, n * sizeof(*images));
    review->images = images;
    for (size_t i = 0; i < n; i++) {
        enum outcome whole = gate;

        if (places[i].text.len == 0)
            continue;
        if (update && gate == OUTCOME_REWRITTEN &&
            !is_brought_by_update(&places[i], same_entry(&places[i], old, n_old, i)))
            whole = OUTCOME_UNCHANGED_UPDATE;
        images[review->n_images] = judge(call, &places[i], whole, &scratch);
        review->n_rewritten += images[review->n_images++].outcome == OUTCOME_REWRITTEN;
    }
    end(call, REVIEW_UNCHANGED, NULL);
    return review->n_rewritten > 0;
}

static void write_patch(struct call *call, struct patch *patch)
{
    const struct review *review = call->review;
    struct pod_image *originals =
        arena_alloc(call->arena, review->n_rewritten * sizeof(*originals));
    size_t n = 0;

    for (size_t i = 0; i < review->n_images; i++) {
        if (review->images[i].outcome != OUTCOME_REWRITTEN)
            continue;
        patch_replace_image(patch, &review->images[i].place, review->images[i].rewritten);
        originals[n++] = review->images[i].place;
    }
    /* The API server drops every other change that comes with ephemeral containers. */
    if (rule_set_records_originals(call->rules) && call->lists != POD_EPHEMERAL_CONTAINERS)
        originals_record(patch, call->pod, originals, n, call->arena);
}

/* At most 120 characters, so that the API server never cuts it; no text of the user's,
 * which might hold bytes that a header can't (apiserver, pkg/endpoints/filters/warning.go). */
static const char *print_warning(const struct call *call, char *text, size_t size)
{
    struct slice host = rule_set_host(call->rules);

    if (!rule_set_warns(call->rules))
        return NULL;
    (void)snprintf(text, size, "pullthrough: %zu of %zu images rewritten to %.*s",
                   call->review->n_rewritten, call->review->n_images, (int)host.len, host.ptr);
    return text;
}

static void answer_rewritten(struct call *call, struct strbuf *out)
{
    PATCH_CLEANUP struct patch patch;
    char warning[121];
    struct review_answer answer = {.api_version = call->api_version, .uid = call->review->uid};

    patch_init(&patch, REVIEW_ANSWER_MAX / 2);
    write_patch(call, &patch);
    answer.patch = patch_close(&patch);
    if (strbuf_overflowed(&patch.text)) {
        end(call, REVIEW_NOT_UNDERSTOOD, "the patch would be over 4 MiB");
        answer.patch = slice_of(NULL, 0);
        call->review->n_images = call->review->n_rewritten = 0;
    } else {
        end(call, REVIEW_REWRITTEN, NULL);
        answer.rewritten = call->review->n_rewritten;
        answer.warning = print_warning(call, warning, sizeof(warning));
    }
    review_answer_print(&answer, out);
}

void review_answer(struct review *review, const struct rule_set *rules, struct slice body,
                   struct arena *arena, struct strbuf *answer)
{
    struct call call = {.review = review, .rules = rules, .arena = arena};

    *review = (struct review){.status = 200, .outcome = REVIEW_IGNORED};
    if (decode(&call, body) && choose_lists(&call) && judge_all(&call)) {
        answer_rewritten(&call, answer);
        return;
    }
    if (review->outcome == REVIEW_BAD_REQUEST) {
        review->status = 400;
        review_answer_print_bad_request(review->problem, answer);
        return;
    }
    review_answer_print(
        &(struct review_answer){.api_version = call.api_version, .uid = review->uid}, answer);
}
