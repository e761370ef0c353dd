/*
 * Large reviews out of small inputs: HEAD ff PIECE ff INSIDE ff CLOSE ff TAIL, where ff is the byte
 * that no JSON has. The body is HEAD, PIECE as often as fits into 512 KiB, INSIDE, CLOSE as often,
 * TAIL. However it is shaped, its review takes no more than five times its bytes and 1 MiB, and
 * the answer is one.
 */
#include "counted_memory.h"
#include "fuzz.h"
#include "rules.h"

#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/review/review.h"

enum { PARTS = 5, BODY_BYTES = 512 * 1024 };

static void split(struct slice text, struct slice parts[PARTS])
{
    for (size_t i = 0; i < PARTS; i++) {
        size_t end = slice_find(text, '\xff');

        parts[i] = slice_of(text.ptr, end);
        text = end < text.len ? slice_from(text, end + 1) : slice_of(NULL, 0);
    }
}

static void make(struct strbuf *body, const struct slice parts[PARTS])
{
    size_t fixed = parts[0].len + parts[2].len + parts[4].len, each = parts[1].len + parts[3].len;
    size_t times = each && fixed < BODY_BYTES ? (BODY_BYTES - fixed) / each : 0;

    strbuf_add_slice(body, parts[0]);
    for (size_t i = 0; i < times; i++)
        strbuf_add_slice(body, parts[1]);
    strbuf_add_slice(body, parts[2]);
    for (size_t i = 0; i < times; i++)
        strbuf_add_slice(body, parts[3]);
    strbuf_add_slice(body, parts[4]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(2 * BODY_BYTES);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REVIEW_ANSWER_MAX);
    ARENA_CLEANUP struct arena arena;
    struct slice parts[PARTS];
    struct review review;
    yyjson_doc *answer;

    split(slice_of((const char *)data, size), parts);
    make(&body, parts);
    (void)fuzz_rules();
    counted_memory_start();
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&review, fuzz_rules(), NULL, NULL, strbuf_slice(&body), &arena, &out);
    FUZZ_ASSERT(counted_memory_peak() <= 5 * body.len + 1024 * 1024);
    FUZZ_ASSERT(!strbuf_overflowed(&out));
    answer = yyjson_read(out.ptr, out.len, 0);
    FUZZ_ASSERT(answer != NULL);
    FUZZ_ASSERT((review.status == 200) ==
                yyjson_is_true(
                    json_member(json_member(yyjson_doc_get_root(answer), "response"), "allowed")));
    yyjson_doc_free(answer);
    return 0;
}
