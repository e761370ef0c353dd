/*
 * Reviews: whatever comes in, the answer is JSON, never denies, and its patch applies (by
 * yyjson's JSON Patch, an implementation that is not ours) to an object that is left alone
 * the next time. And it costs no more memory than five times the body and 1 MiB.
 */
#include "counted_memory.h"
#include "fuzz.h"
#include "rules.h"

#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/review/review.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { DEPTH_MAX = 200 };

/* yyjson's patch takes the first of two equal keys where Go takes the last, so objects that
 * have any are not compared. */
static bool is_plain(yyjson_val *value, int depth)
{
    yyjson_obj_iter object;
    yyjson_arr_iter array;
    yyjson_val *at;

    if (depth > DEPTH_MAX)
        return false;
    if (yyjson_obj_iter_init(value, &object))
        while ((at = yyjson_obj_iter_next(&object))) {
            yyjson_val *found = yyjson_obj_iter_get_val(at);

            if (yyjson_obj_getn(value, yyjson_get_str(at), yyjson_get_len(at)) != found ||
                !is_plain(found, depth + 1))
                return false;
        }
    if (yyjson_arr_iter_init(value, &array))
        while ((at = yyjson_arr_iter_next(&array)))
            if (!is_plain(at, depth + 1))
                return false;
    return true;
}

static yyjson_doc *decode_patch(yyjson_val *base64)
{
    size_t len = yyjson_get_len(base64);
    unsigned char *bytes = malloc(len + 1);
    int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)yyjson_get_str(base64), (int)len);
    yyjson_doc *doc;

    FUZZ_ASSERT(decoded > 0);
    for (size_t i = len; i > 0 && yyjson_get_str(base64)[i - 1] == '='; i--)
        decoded--;
    doc = yyjson_read((char *)bytes, (size_t)decoded, 0);
    free(bytes);
    FUZZ_ASSERT(doc != NULL);
    return doc;
}

static void check_operations(yyjson_val *patch)
{
    size_t adds = 0;
    yyjson_val *operation;
    yyjson_arr_iter iter;

    FUZZ_ASSERT(yyjson_arr_size(patch) > 0);
    FUZZ_ASSERT(yyjson_arr_iter_init(patch, &iter));
    while ((operation = yyjson_arr_iter_next(&iter))) {
        struct slice op = json_text(json_member(operation, "op"));
        struct slice path = json_text(json_member(operation, "path"));

        if (slice_is(op, "add")) {
            adds++;
            FUZZ_ASSERT(slice_starts_with(path, slice_str("/metadata/annotations")));
        } else {
            FUZZ_ASSERT(slice_is(op, "replace"));
            FUZZ_ASSERT(slice_starts_with(path, slice_str("/spec/")));
        }
    }
    FUZZ_ASSERT(adds <= 1);
}

/* The review again, with the patched object: nothing may be left to do. */
static void check_again(yyjson_val *root, yyjson_mut_doc *doc, yyjson_mut_val *patched)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(REVIEW_ANSWER_MAX);
    ARENA_CLEANUP struct arena arena;
    yyjson_mut_val *again = yyjson_val_mut_copy(doc, root);
    yyjson_mut_val *request = yyjson_mut_obj_get(again, "request");
    struct review review;
    yyjson_doc *answered;
    size_t len;
    char *body;

    (void)yyjson_mut_obj_put(request, yyjson_mut_str(doc, "object"), patched);
    body = yyjson_mut_val_write(again, 0, &len);
    FUZZ_ASSERT(body != NULL);
    arena_init(&arena, review_arena_bytes(len));
    review_answer(&review, fuzz_rules(), NULL, NULL, slice_of(body, len), &arena, &answer);
    FUZZ_ASSERT(review.status == 200 && review.n_rewritten == 0);
    answered = yyjson_read(answer.ptr, answer.len, 0);
    FUZZ_ASSERT(!json_member(json_member(yyjson_doc_get_root(answered), "response"), "patch"));
    yyjson_doc_free(answered);
    free(body);
}

static void check_patch(struct slice body, yyjson_val *base64)
{
    yyjson_doc *patch = decode_patch(base64);
    yyjson_doc *review = yyjson_read(body.ptr, body.len, YYJSON_READ_NUMBER_AS_RAW);
    yyjson_val *root = yyjson_doc_get_root(review);

    check_operations(yyjson_doc_get_root(patch));
    if (is_plain(root, 0)) {
        yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
        yyjson_val *object = yyjson_obj_get(yyjson_obj_get(root, "request"), "object");
        yyjson_patch_err error;
        yyjson_mut_val *patched = yyjson_patch(doc, object, yyjson_doc_get_root(patch), &error);

        FUZZ_ASSERT(patched != NULL);
        check_again(root, doc, patched);
        yyjson_mut_doc_free(doc);
    }
    yyjson_doc_free(review);
    yyjson_doc_free(patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REVIEW_ANSWER_MAX);
    ARENA_CLEANUP struct arena arena;
    struct slice body = slice_of((const char *)data, size);
    struct review review;
    yyjson_doc *answer;
    yyjson_val *response, *patch;

    (void)fuzz_rules();
    counted_memory_start();
    arena_init(&arena, review_arena_bytes(size));
    review_answer(&review, fuzz_rules(), NULL, NULL, body, &arena, &out);
    FUZZ_ASSERT(counted_memory_peak() <= 5 * size + 1024 * 1024);
    answer = yyjson_read(out.ptr, out.len, 0);
    FUZZ_ASSERT(answer != NULL && !strbuf_overflowed(&out));
    response = json_member(yyjson_doc_get_root(answer), "response");
    patch = json_member(response, "patch");
    if (review.status == 200) {
        FUZZ_ASSERT(yyjson_is_true(json_member(response, "allowed")));
        FUZZ_ASSERT(slice_equal(json_text(json_member(response, "uid")), review.uid));
        FUZZ_ASSERT((patch != NULL) == (json_member(response, "patchType") != NULL));
        FUZZ_ASSERT((review.outcome == REVIEW_REWRITTEN) == (review.n_rewritten > 0));
        FUZZ_ASSERT(patch != NULL || review.n_rewritten == 0);
        FUZZ_ASSERT(patch == NULL || review.outcome == REVIEW_REWRITTEN ||
                    review.outcome == REVIEW_UNCHANGED);
    } else {
        FUZZ_ASSERT(review.status == 400 && response == NULL);
    }
    if (patch)
        check_patch(body, patch);
    yyjson_doc_free(answer);
    return 0;
}
