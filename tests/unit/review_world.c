#include "review_world.h"

static unsigned char sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return (unsigned char)(strchr(alphabet, c) - alphabet);
}

static void decode_patch(struct review_world *result)
{
    const char *at = strstr(strbuf_str(&result->answer), "\"patch\":\"");

    if (!at)
        return;
    for (at += strlen("\"patch\":\""); *at != '"'; at += 4) {
        unsigned bits = (unsigned)sextet(at[0]) << 18 | (unsigned)sextet(at[1]) << 12;

        if (at[2] != '=')
            bits |= (unsigned)sextet(at[2]) << 6;
        if (at[3] != '=')
            bits |= sextet(at[3]);
        strbuf_add_char(&result->patch, (char)(bits >> 16));
        if (at[2] != '=')
            strbuf_add_char(&result->patch, (char)(bits >> 8));
        if (at[3] != '=')
            strbuf_add_char(&result->patch, (char)bits);
    }
}

static void add_wishes(struct review_world *result, const struct rule_set *rules)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct review_wish wish;

    strbuf_init(&result->wishes, REVIEW_ANSWER_MAX);
    for (size_t i = 0; i < result->review.n_images; i++)
        if (review_wish(&result->review, i, rules, &text, &wish))
            strbuf_add_format(&result->wishes, "%d %.*s %.*s %.*s\n", wish.upstream,
                              SLICE_FMT(wish.image.repository), SLICE_FMT(wish.image.tag),
                              SLICE_FMT(wish.image.digest));
}

void review_world_ask_with(struct review_world *result, const struct rule_set *rules,
                           const struct fallback_table *fallback, struct image_set *cached,
                           struct slice body)
{
    ARENA_CLEANUP struct arena arena;

    *result = (struct review_world){0};
    strbuf_init(&result->answer, REVIEW_ANSWER_MAX);
    strbuf_init(&result->patch, REVIEW_ANSWER_MAX);
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&result->review, rules, fallback, cached, body, &arena, &result->answer);
    decode_patch(result);
    strbuf_init(&result->outcomes, REVIEW_ANSWER_MAX);
    for (size_t i = 0; i < result->review.n_images; i++) {
        strbuf_add_str(&result->outcomes, i ? " " : "");
        strbuf_add_str(&result->outcomes, outcome_name(result->review.images[i].outcome));
    }
    add_wishes(result, rules);
}

void review_world_ask(struct review_world *result, const struct rule_set *rules, struct slice body)
{
    review_world_ask_with(result, rules, NULL, NULL, body);
}

void review_world_fini(struct review_world *result)
{
    strbuf_fini(&result->answer);
    strbuf_fini(&result->patch);
    strbuf_fini(&result->outcomes);
    strbuf_fini(&result->wishes);
}
