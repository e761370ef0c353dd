/*
 * decode -> which pod, which lists -> judge each image, patch (review_pod) -> answer.
 *
 * Every step that does not understand what it sees ends the judgement with a reason; what
 * was found so far changes nothing then, because the patch is taken out of the answer. The document
 * is walked through json_member(), so that a key given twice means here what it means to
 * the API server.
 */
#include "pullthrough/core/review/review.h"

#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_member.h"
#include "review_answer.h"
#include "review_call.h"
#include "review_envelope.h"

#include <stdio.h>

enum {
    /* What isn't counted one by one: malloc's own bytes, pages that a block doesn't fill, the
     * small buffers on the way. */
    UNCOUNTED = 32 * 1024,
    PLAIN_ANSWER = 4096, /* bytes that an answer without a patch takes at most */
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

size_t review_memory_max(size_t body_bytes)
{
    return 5 * body_bytes + 1024 * 1024;
}

static enum review_operation operation_of(struct slice text)
{
    if (slice_is(text, "CREATE"))
        return REVIEW_CREATE;
    return slice_is(text, "UPDATE") ? REVIEW_UPDATE : REVIEW_OTHER;
}

static void read_request(struct review_call *call)
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

/* Whether there is a uid, without which no answer would be accepted. */
static bool has_uid(struct review_call *call, const char *without_request)
{
    struct review *review = call->review;

    if (without_request)
        review_end(call, REVIEW_BAD_REQUEST, without_request);
    else if (review->uid.len == 0 || review->uid.len > REVIEW_UID_MAX)
        review_end(call, REVIEW_BAD_REQUEST, "request.uid is not a text of 1 to 256 bytes");
    return review->outcome != REVIEW_BAD_REQUEST;
}

static void choose_version(struct review_call *call, struct slice version)
{
    call->api_version = slice_is(version, "admission.k8s.io/v1beta1") ? "admission.k8s.io/v1beta1"
                                                                      : "admission.k8s.io/v1";
}

/* A body that takes more memory than it may: who asks can be told all the same. */
static void decode_envelope(struct review_call *call, struct slice body)
{
    struct review_envelope envelope;

    if (!review_envelope_read(&envelope, body)) {
        (void)has_uid(call, "the body is not JSON");
        return;
    }
    call->review->uid = slice_of(arena_alloc(call->arena, envelope.uid_bytes), envelope.uid_bytes);
    memcpy((char *)call->review->uid.ptr, envelope.uid, envelope.uid_bytes);
    choose_version(call, slice_str(envelope.api_version));
    if (has_uid(call, NULL))
        review_end(call, REVIEW_NOT_UNDERSTOOD, REVIEW_TOO_MUCH);
}

static bool decode(struct review_call *call, struct slice body)
{
    bool too_much;
    yyjson_val *root = json_arena_read(call->arena, body, &too_much);
    yyjson_val *api_version, *kind;
    const struct json_wanted wanted[] = {
        JSON_WANTED("apiVersion", &api_version),
        JSON_WANTED("kind", &kind),
        JSON_WANTED("request", &call->request),
    };
    struct slice version;

    if (too_much) {
        decode_envelope(call, body);
        return false;
    }
    json_members(root, wanted, sizeof(wanted) / sizeof(wanted[0]));
    read_request(call);
    if (!has_uid(call, !root ? "the body is not JSON"
                       : !yyjson_is_obj(call->request)
                           ? "the body has no request, so no uid to answer to"
                           : NULL))
        return false;
    version = json_text(api_version);
    choose_version(call, version);
    if (!slice_is(version, call->api_version) || !slice_is(json_text(kind), "AdmissionReview")) {
        review_end(call, REVIEW_NOT_UNDERSTOOD, "neither v1 nor v1beta1 AdmissionReview");
        return false;
    }
    return true;
}

/* Which lists this request may change; false: none of our business. */
static bool choose_lists(struct review_call *call)
{
    struct slice subresource = json_text(call->subresource);
    yyjson_val *group, *version, *resource;
    const struct json_wanted wanted[] = {
        JSON_WANTED("group", &group),
        JSON_WANTED("version", &version),
        JSON_WANTED("resource", &resource),
    };

    json_members(call->resource, wanted, sizeof(wanted) / sizeof(wanted[0]));
    review_end(call, REVIEW_IGNORED, NULL);
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

/* At most 120 characters, so that the API server never cuts it; no text of the user's,
 * which might hold bytes that a header can't (apiserver, pkg/endpoints/filters/warning.go). */
static const char *print_warning(const struct review_call *call, char *text, size_t size)
{
    struct slice host = rule_set_host(call->rules);

    if (!rule_set_warns(call->rules))
        return NULL;
    (void)snprintf(text, size, "pullthrough: %zu of %zu images rewritten to %.*s",
                   call->review->n_rewritten, call->review->n_images, (int)host.len, host.ptr);
    return text;
}

void review_answer(struct review *review, const struct rule_set *rules,
                   const struct fallback_table *fallback, struct image_set *cached,
                   struct slice body, struct arena *arena, struct strbuf *answer)
{
    struct review_call call = {.review = review,
                               .rules = rules,
                               .fallback = fallback,
                               .cached = cached,
                               .arena = arena,
                               .answer = answer};
    size_t ceiling = answer->ceiling, plain;
    char warning[121];
    bool ours;

    *review = (struct review){.status = 200, .outcome = REVIEW_IGNORED};
    arena->ceiling = review_memory_max(body.len) - UNCOUNTED - PLAIN_ANSWER;
    ours = decode(&call, body) && choose_lists(&call);
    if (review->outcome == REVIEW_BAD_REQUEST) {
        review->status = 400;
        review_answer_bad_request(answer, review->problem);
        return;
    }
    review_answer_begin(answer, call.api_version, review->uid);
    plain = answer->len;
    if (!ours || !review_pod(&call)) {
        strbuf_truncate(answer, plain);
        answer->overflowed = false;
        answer->ceiling = ceiling;
    }
    review_answer_end(answer, review->n_rewritten,
                      review->n_rewritten ? print_warning(&call, warning, sizeof(warning)) : NULL);
    answer->ceiling = ceiling;
}

bool review_wish(const struct review *review, size_t i, const struct rule_set *rules,
                 struct strbuf *text, struct review_wish *wish)
{
    const struct review_image *image = &review->images[i];

    strbuf_clear(text);
    if (review->dry_run || image->outcome != OUTCOME_NOT_CACHED ||
        !rewrite_static(rules, image->place->text, text))
        return false;
    wish->upstream = image->upstream;
    wish->image = rewrite_name_of(slice_from(strbuf_slice(text), rule_set_host(rules).len + 1));
    return true;
}
