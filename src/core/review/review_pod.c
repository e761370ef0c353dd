/*
 * A review's pod: which lists, what the pod as a whole says, then each image, and the operation
 * that it takes. Every reason that leaves an image alone has its place in one order, which is that
 * of judge().
 */
#include "review_call.h"

#include "originals.h"
#include "patch.h"
#include "pod_image_index.h"
#include "pullthrough/core/cache/image_set.h"
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/review/pod_gate.h"
#include "pullthrough/core/rules/rewrite.h"
#include "review_answer.h"
#include "review_update.h"

struct judging {
    struct review_call *call;
    const struct rule_set *rules;
    yyjson_val *annotations;
    struct pod_gate gate;
    enum outcome whole; /* of the gate */
    bool update, pull_secrets, has_originals;
    bool any_entry; /* of the annotation some entry isn't just kept */
    struct review_update old;
    struct pod_image_index switches; /* of single containers: name, and text for the value */
    struct strbuf scratch;
    struct patch patch;
    size_t patch_at; /* in the answer */
};

enum { ARENA_ROOM = 8 * 1024 };

static void read_metadata(struct judging *judging)
{
    struct review *review = judging->call->review;
    yyjson_val *namespace, *name, *generate_name, *labels, *key;
    const struct json_wanted wanted[] = {
        JSON_WANTED("namespace", &namespace),
        JSON_WANTED("name", &name),
        JSON_WANTED("generateName", &generate_name),
        JSON_WANTED("labels", &labels),
        JSON_WANTED("annotations", &judging->annotations),
    };
    yyjson_obj_iter iter;

    json_members(json_member(judging->call->pod, "metadata"), wanted,
                 sizeof(wanted) / sizeof(wanted[0]));
    /* Older API servers leave one of the two names empty. */
    if (review->namespace.len == 0)
        review->namespace = json_text(namespace);
    if (review->name.len == 0)
        review->name = json_text(name);
    if (review->name.len == 0)
        review->name = json_text(generate_name);
    pod_gate_init(&judging->gate, judging->rules, review->namespace);
    if (yyjson_obj_iter_init(labels, &iter))
        while ((key = yyjson_obj_iter_next(&iter)))
            pod_gate_label(&judging->gate, json_text(key), json_text(yyjson_obj_iter_get_val(key)));
    if (yyjson_obj_iter_init(judging->annotations, &iter))
        while ((key = yyjson_obj_iter_next(&iter))) {
            struct slice text = json_text(key);

            pod_gate_annotation(&judging->gate, text, json_text(yyjson_obj_iter_get_val(key)));
            judging->has_originals |= slice_is(text, ORIGINALS_ANNOTATION);
        }
    judging->whole = pod_gate_outcome(&judging->gate);
}

/* The annotations that opt a single container out; false where they take too much. */
static bool read_switches(struct judging *judging)
{
    struct arena *arena = judging->call->arena;
    struct pod_image *switches;
    yyjson_obj_iter iter;
    yyjson_val *key;
    size_t n = 0;

    if (!judging->gate.names_ones)
        return true;
    switches = arena_try_alloc(arena, yyjson_obj_size(judging->annotations) * sizeof(*switches));
    if (!switches || !yyjson_obj_iter_init(judging->annotations, &iter))
        return false;
    while ((key = yyjson_obj_iter_next(&iter))) {
        switches[n] = (struct pod_image){.text = json_text(yyjson_obj_iter_get_val(key))};
        n += pod_gate_names_one(json_text(key), &switches[n].name);
    }
    return pod_image_index_init(&judging->switches, switches, n, arena);
}

static bool is_opted_out(struct judging *judging, const struct pod_image *image)
{
    const struct pod_image *found = judging->switches.n && image->name.len
                                        ? pod_image_index_last(&judging->switches, 0, image->name)
                                        : NULL;

    return found && pod_gate_opts_out(found->text);
}

/* Whether ECR holds the image: with a digest, by that alone, as a node pulls it. */
static enum outcome ask_cache(const struct judging *judging, struct slice text)
{
    struct rewrite_name name;
    bool has_digest;

    if (!rule_set_asks_cache(judging->rules, true)) /* nor without a digest then */
        return OUTCOME_REWRITTEN;
    name = rewrite_name_of(text);
    has_digest = name.digest.len;
    if (!rule_set_asks_cache(judging->rules, has_digest) ||
        image_set_has(judging->call->cached, name.repository,
                      has_digest ? IMAGE_SET_DIGEST : IMAGE_SET_TAG,
                      has_digest ? name.digest : name.tag))
        return OUTCOME_REWRITTEN;
    return OUTCOME_NOT_CACHED;
}

/* What nodes say, and what ECR holds, come last: these reasons go by themselves. An image that
 * another one keeps from the cache is none to import. */
static enum outcome ask_what_passes(const struct judging *judging, int upstream)
{
    const struct fallback_table *table = judging->call->fallback;
    struct slice text = strbuf_slice(&judging->scratch);

    text = slice_from(text, rule_set_host(judging->rules).len + 1);
    if (!table)
        return ask_cache(judging, text);
    switch (fallback_table_ask(table, rule_set_prefix(judging->rules, upstream), text)) {
    case FALLBACK_PULL_FAILED: return OUTCOME_PULL_FAILED;
    case FALLBACK_REGISTRY_DOWN: return OUTCOME_REGISTRY_DOWN;
    case FALLBACK_GO_ON: break;
    }
    return ask_cache(judging, text);
}

/* What becomes of one image, by what is known of its container and pod; *keeps: the text that an
 * update takes back to the old one. `verdict` is on its text alone, the new text in scratch. */
static enum outcome judge(struct judging *judging, struct pod_image *image, size_t at,
                          const struct rewrite_verdict *verdict, struct slice *keeps)
{
    const struct pod_image *old = NULL;
    enum outcome outcome;

    if (judging->update) {
        old = review_update_old(&judging->old, image, at);
        if (!review_update_brings(image, old))
            return judging->whole == OUTCOME_REWRITTEN ? OUTCOME_UNCHANGED_UPDATE : judging->whole;
    }
    if (judging->whole != OUTCOME_REWRITTEN && (!old || pod_gate_is_shut(&judging->gate)))
        return judging->whole;
    image->entry = ORIGINALS_CHECK;
    if (is_opted_out(judging, image))
        return OUTCOME_SKIPPED_CONTAINER;
    if (old && review_update_keeps(&judging->old, image, old)) {
        image->entry = ORIGINALS_SET;
        *keeps = old->text;
        return OUTCOME_UNCHANGED_UPDATE;
    }
    if (judging->whole != OUTCOME_REWRITTEN)
        return judging->whole;
    if (image->never)
        return OUTCOME_NEVER_PULLED;
    if (verdict->outcome != OUTCOME_REWRITTEN)
        return verdict->outcome;
    if (judging->pull_secrets)
        return OUTCOME_PULL_SECRETS;
    if (old && slice_equal(strbuf_slice(&judging->scratch), old->text))
        return OUTCOME_PULL_FAILED; /* or it would have been kept */
    outcome = ask_what_passes(judging, verdict->upstream);
    if (outcome == OUTCOME_REWRITTEN)
        image->entry = ORIGINALS_SET;
    return outcome;
}

static void take(struct judging *judging, struct pod_image *image, size_t at,
                 struct review_image *found)
{
    struct review *review = judging->call->review;
    struct slice text = slice_of(NULL, 0);
    struct rewrite_verdict verdict;

    strbuf_clear(&judging->scratch);
    verdict = rewrite_image(judging->rules, image->text, &judging->scratch);
    *found = (struct review_image){
        .place = image,
        .upstream = verdict.upstream,
        .outcome = (uint8_t)judge(judging, image, at, &verdict, &text),
    };
    judging->any_entry |= image->entry != ORIGINALS_KEEP;
    if (found->outcome == OUTCOME_REWRITTEN)
        text = strbuf_slice(&judging->scratch);
    if (!text.ptr)
        return;
    patch_replace_image(&judging->patch, image, text);
    review->n_rewritten++;
}

static void record_originals(struct judging *judging, struct pod_image *images, size_t n)
{
    struct review_call *call = judging->call;
    bool created = !judging->update;
    struct originals originals;

    /* The API server drops every other change that comes with ephemeral containers. */
    if (!rule_set_records_originals(judging->rules) || call->lists == POD_EPHEMERAL_CONTAINERS ||
        !judging->any_entry || (!judging->has_originals && call->review->n_rewritten == 0))
        return;
    originals_read(&originals, call->pod, call->arena);
    originals_write(&judging->patch, &originals, images, n, created, judging->rules, call->arena);
}

/* What an answer with the patch of these images takes, by a few bytes more than it will be;
 * escapes aside. */
static size_t answer_bytes(const struct judging *judging, const struct pod_image *images, size_t n)
{
    static const char operation[] = "{'op':'replace','path':'/spec//4096/image','value':''},";
    static const char entry[] = "\\\"/\\\":\\\"\\\",";
    const size_t target = rule_set_host(judging->rules).len +
                          rule_set_longest_prefix(judging->rules) + sizeof("//library/");
    bool originals = rule_set_records_originals(judging->rules);
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        size_t field = strlen(pod_image_field(images[i].list));

        bytes += sizeof(operation) + field + target + images[i].text.len;
        if (images[i].list == POD_IMAGE_VOLUMES)
            bytes += sizeof("/reference");
        if (originals)
            bytes += sizeof(entry) + field + images[i].name.len + images[i].text.len;
    }
    return REVIEW_ANSWER_TAIL + bytes / 3 * 4;
}

/* Arena and answer share what the review may take. The answer gets its memory at once, so that
 * nothing is there twice while it grows; where escapes make it grow all the same, old and new
 * have to fit. */
static void share_memory(const struct judging *judging, const struct pod_image *images, size_t n)
{
    struct strbuf *answer = judging->call->answer;
    struct arena *arena = judging->call->arena;
    size_t left = arena->ceiling > arena->bytes ? arena->ceiling - arena->bytes : 0;
    size_t later = n * sizeof(uint32_t) + ARENA_ROOM; /* an index of the images */
    size_t most = left > later ? left - later : 0;
    size_t wanted = answer_bytes(judging, images, n);

    if (wanted < most)
        most = wanted > left / 2 ? wanted : left / 2;
    else
        wanted = most;
    if (most < answer->ceiling - answer->len)
        answer->ceiling = answer->len + most;
    strbuf_reserve(answer, wanted);
    arena->ceiling -= most;
}

/* Only names are seen, of the pod's own and of its service account's, which the API server writes
 * into the pod before it asks (plugin/pkg/admission/serviceaccount): nobody knows of which registry
 * they are. */
static bool names_pull_secrets(yyjson_val *pod)
{
    yyjson_arr_iter iter;
    yyjson_val *entry;

    if (yyjson_arr_iter_init(json_member(json_member(pod, "spec"), "imagePullSecrets"), &iter))
        while ((entry = yyjson_arr_iter_next(&iter)))
            if (json_text(json_member(entry, "name")).len)
                return true;
    return false;
}

static bool take_all(struct judging *judging, struct pod_image *images, size_t n)
{
    struct review_call *call = judging->call;
    struct review_image *found = arena_try_alloc(call->arena, n * sizeof(*found));
    size_t n_found = 0;

    if (!found || !read_switches(judging))
        return false;
    share_memory(judging, images, n);
    review_answer_begin_patch(call->answer);
    judging->patch_at = call->answer->len;
    patch_init(&judging->patch, call->answer);
    judging->any_entry = !judging->update && judging->whole == OUTCOME_REWRITTEN;
    for (size_t i = 0; i < n; i++) {
        if (images[i].text.len)
            take(judging, &images[i], i, &found[n_found++]);
        else if (!judging->update && judging->any_entry)
            images[i].entry = ORIGINALS_CHECK;
    }
    call->review->images = found;
    call->review->n_images = n_found;
    record_originals(judging, images, n);
    patch_close(&judging->patch);
    return !judging->old.too_much;
}

/* Why the lists can't be read, or NULL. */
static const char *collect(struct judging *judging, struct pod_image **images, size_t *n)
{
    struct review_call *call = judging->call;
    int r = pod_images_collect(call->pod, call->lists, REVIEW_IMAGES_MAX, call->arena, images, n);

    if (r == 0 && judging->update)
        r = review_update_init(&judging->old, call->rules, call->old_pod, call->lists, call->arena);
    switch (r) {
    case 0: return NULL;
    case POD_IMAGES_TOO_MANY: return "over 4096 containers and volumes";
    case POD_IMAGES_TOO_MUCH: return REVIEW_TOO_MUCH;
    default: return "the object is not shaped like a pod";
    }
}

static const char *judge_pod(struct judging *judging)
{
    struct pod_image *images;
    size_t n;
    const char *problem = collect(judging, &images, &n);

    if (problem)
        return problem;
    read_metadata(judging);
    judging->pull_secrets =
        rule_set_skips_pull_secrets(judging->rules) && names_pull_secrets(judging->call->pod);
    if (!take_all(judging, images, n))
        return REVIEW_TOO_MUCH;
    if (judging->patch.n)
        review_answer_end_patch(judging->call->answer, judging->patch_at);
    return review_answer_fits(judging->call->answer) ? NULL : REVIEW_TOO_MUCH;
}

bool review_pod(struct review_call *call)
{
    struct judging judging = {
        .call = call,
        .rules = call->rules,
        .update = call->review->operation == REVIEW_UPDATE,
        .scratch = STRBUF_INIT(REWRITE_TEXT_MAX),
    };
    const char *problem = judge_pod(&judging);
    struct review *review = call->review;

    strbuf_fini(&judging.scratch);
    if (problem) {
        review->n_images = review->n_rewritten = 0;
        review_end(call, REVIEW_NOT_UNDERSTOOD, problem);
        return false;
    }
    review_end(call, review->n_rewritten ? REVIEW_REWRITTEN : REVIEW_UNCHANGED, NULL);
    return judging.patch.n > 0;
}
