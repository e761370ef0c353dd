/*
 * References: what parses prints back to itself, and what is rewritten is a valid reference
 * on our host that is left alone the next time.
 */
#include "fuzz.h"
#include "rules.h"

#include "pullthrough/core/rules/rewrite.h"

static void print(const struct image_ref *ref, struct strbuf *out)
{
    strbuf_add_slice(out, ref->domain);
    strbuf_add_str(out, ref->domain.len ? "/" : "");
    image_ref_print_path(ref, out);
    image_ref_print_version(ref, out);
}

/* `most` is what printing can come to: a domain may have any length. */
static void check_round_trip(const struct image_ref *ref, size_t most)
{
    STRBUF_CLEANUP struct strbuf once = STRBUF_INIT(most), twice = STRBUF_INIT(most);
    struct image_ref again;

    print(ref, &once);
    FUZZ_ASSERT(image_ref_parse(&again, strbuf_slice(&once), NULL) == 0);
    print(&again, &twice);
    FUZZ_ASSERT(slice_equal(strbuf_slice(&once), strbuf_slice(&twice)));
    FUZZ_ASSERT(slice_equal(ref->domain, again.domain));
    FUZZ_ASSERT(slice_equal(ref->tag, again.tag) && slice_equal(ref->digest, again.digest));
    FUZZ_ASSERT(image_ref_path_length(ref) == image_ref_path_length(&again));
}

static void check_rewrite(const struct rule_set *rules, struct slice text, bool valid)
{
    STRBUF_CLEANUP struct strbuf once = STRBUF_INIT(REWRITE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf twice = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct rewrite_verdict verdict = rewrite_image(rules, text, &once);
    struct image_ref ref;

    FUZZ_ASSERT(!strbuf_overflowed(&once));
    FUZZ_ASSERT(valid || verdict.outcome == OUTCOME_INVALID || verdict.outcome == OUTCOME_EXCLUDED);
    if (verdict.outcome != OUTCOME_REWRITTEN) {
        FUZZ_ASSERT(once.len == 0);
        return;
    }
    FUZZ_ASSERT(image_ref_parse(&ref, strbuf_slice(&once), NULL) == 0);
    FUZZ_ASSERT(slice_equal(ref.domain, rule_set_host(rules)));
    FUZZ_ASSERT(rewrite_image(rules, strbuf_slice(&once), &twice).outcome == OUTCOME_ALREADY_ECR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    struct image_ref ref;
    const char *reason = NULL;
    bool valid = image_ref_parse(&ref, text, &reason) == 0;

    FUZZ_ASSERT(valid == (reason == NULL));
    if (valid)
        check_round_trip(&ref, size + sizeof("docker.io/library/"));
    check_rewrite(fuzz_rules(), text, valid);
    return 0;
}
