/*
 * Conversations with a plan, call by call: the path of each kind of wish, each way an answer may
 * go, what is listed when, and the bounds.
 */
#include "pullthrough/core/cache/import_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NGINX  slice_str("dockercache/library/nginx")
#define DIGEST slice_str("sha256:aaaa")
#define TAG    slice_str("1.27")
#define OWN    slice_str("team")
#define NONE   ((struct slice){0})

enum { NO_LUCK = 0 }; /* of chance: no spread, and the shortest delays */

static const struct import_upstream upstreams[] = {
    {{"dockercache", 11}, 3}, {{"ghcrcache", 9}, 600}, {{"dockercache/own", 15}, 600}};
static const struct import_settings settings = {
    .upstreams = upstreams, .n_upstreams = 3, .recheck_ms = 15 * IMPORT_MINUTE_MS};

struct world {
    struct image_set *set;
    struct import_plan *plan;
    int64_t now_ms;
    const struct import_call *call;
};

static int set_up(void **state)
{
    static const uint8_t secret[IMAGE_SET_SECRET_BYTES] = {1};
    struct world *world = calloc(1, sizeof(*world));

    world->set = image_set_new(secret, 1000);
    world->plan = import_plan_new(&settings, world->set);
    world->now_ms = 1000LL * IMPORT_HOUR_MS;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    import_plan_free(world->plan);
    image_set_unref(world->set);
    free(world);
    return 0;
}

static const struct import_call *next(struct world *world)
{
    int64_t wait_ms = 0;

    world->call = import_plan_next(world->plan, world->now_ms, NO_LUCK, &wait_ms);
    if (!world->call)
        assert_in_range(wait_ms, 1, IMPORT_MINUTE_MS);
    return world->call;
}

static void answer(struct world *world, enum image_outcome outcome)
{
    struct import_answer told = {.outcome = outcome};

    import_plan_answer(world->plan, &told, world->now_ms, NO_LUCK);
    world->now_ms += IMPORT_CALL_MS;
}

static void answer_because(struct world *world, enum image_outcome outcome, const char *reason)
{
    struct import_answer told = {.outcome = outcome, .reason = slice_str(reason)};

    import_plan_answer(world->plan, &told, world->now_ms, NO_LUCK);
    world->now_ms += IMPORT_CALL_MS;
}

/* Each wish was met, or it would wait, or be refused. */
static void assert_all_met(const struct world *world)
{
    assert_int_equal(import_plan_counts(world->plan).queued, 0);
    assert_int_equal(import_plan_counts(world->plan).refused, 0);
}

static void answer_page(struct world *world, bool more)
{
    struct import_answer told = {.outcome = IMAGE_THERE, .more = more};

    import_plan_answer(world->plan, &told, world->now_ms, NO_LUCK);
    world->now_ms += IMPORT_CALL_MS;
}

/* It is seen: by tag, digest or both. */
static void answer_there(struct world *world, struct slice tag, struct slice digest)
{
    import_plan_found(world->plan, tag, digest, world->now_ms);
    answer(world, IMAGE_THERE);
}

static void assert_call(struct world *world, enum import_call_kind kind, struct slice repository,
                        struct slice reference)
{
    const struct import_call *call = next(world);

    assert_non_null(call);
    assert_int_equal(call->kind, kind);
    assert_true(slice_equal(call->repository, repository));
    assert_true(slice_equal(call->reference, reference));
    assert_ptr_equal(next(world), call); /* it is to be answered first */
}

/* When the next call comes, which must be within so long. */
static int64_t wait_for_call(struct world *world, int64_t most_ms)
{
    int64_t begin_ms = world->now_ms, wait_ms;

    while (!import_plan_next(world->plan, world->now_ms, NO_LUCK, &wait_ms)) {
        assert_true(wait_ms > 0);
        world->now_ms += wait_ms;
        assert_true(world->now_ms - begin_ms <= most_ms);
    }
    return world->now_ms - begin_ms;
}

/* ECR has no repositories. */
static void start_empty(struct world *world)
{
    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
    answer_page(world, false);
    assert_null(next(world));
    assert_true(import_plan_counts(world->plan).started);
}

static void start_with(struct world *world, struct slice repository)
{
    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
    import_plan_found_repository(world->plan, repository, 1);
    answer_page(world, false);
    assert_false(import_plan_counts(world->plan).started);
    assert_call(world, IMPORT_LIST, repository, NONE);
}

static int wish(struct world *world, struct slice tag, struct slice digest)
{
    return import_plan_wish(world->plan, OWN, NGINX, tag, digest, world->now_ms, NO_LUCK);
}

static void assert_refused(struct world *world, const char *reason, int64_t at_least_ms,
                           int64_t at_most_ms)
{
    struct import_refusal refusal;

    assert_int_equal(import_plan_refusals(world->plan, &refusal, 1), 1);
    assert_string_equal(refusal.reason, reason);
    assert_in_range(refusal.until_ms - refusal.since_ms, at_least_ms, at_most_ms);
    assert_int_equal(import_plan_counts(world->plan).refused, 1);
    assert_int_equal(import_plan_counts(world->plan).queued, 0);
}

static void test_a_tag_is_looked_for_imported_and_seen(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, TAG, NONE), 0);
    assert_int_equal(wish(world, TAG, NONE), IMPORT_WISH_KNOWN);
    assert_int_equal(import_plan_counts(world->plan).queued, 1);
    assert_call(world, IMPORT_LOOK, NGINX, TAG);
    assert_false(world->call->by_digest);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, TAG);
    assert_int_equal(world->call->upstream, 0);
    answer(world, IMAGE_THERE);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_in_range(wait_for_call(world, 2000), 1500, 2000);
    assert_call(world, IMPORT_LOOK, NGINX, TAG);
    answer(world, IMAGE_ABSENT);
    assert_in_range(wait_for_call(world, 5000), 4500, 5000);
    import_plan_found(world->plan, TAG, DIGEST, world->now_ms);
    import_plan_answer(world->plan, &(struct import_answer){0}, world->now_ms, 0);
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
    assert_int_equal(wish(world, TAG, NONE), IMPORT_WISH_CACHED);
    assert_all_met(world);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).tokens, 2);
    world->now_ms += IMPORT_CALL_MS;
    assert_call(world, IMPORT_LIST, NGINX, NONE); /* a repository that is new to the plan */
}

static void test_what_is_there_already_is_not_imported(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, TAG, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    assert_true(world->call->by_digest);
    answer_there(world, TAG, DIGEST);
    assert_all_met(world);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).tokens, 3);
}

static void test_a_tag_with_a_digest_is_imported_by_the_tag(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, TAG, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, TAG);
    assert_false(world->call->by_digest);
    answer(world, IMAGE_THERE);
    (void)wait_for_call(world, 2000);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer_there(world, NONE, DIGEST); /* of a platform: it has no tag of its own */
    assert_all_met(world);
}

/* By its fifth look it isn't there, and then its tag is. */
static void seek_until_the_tag_is_asked(struct world *world)
{
    start_empty(world);
    assert_int_equal(wish(world, TAG, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, TAG);
    answer(world, IMAGE_THERE);
    for (int i = 0; i < 5; i++) {
        (void)wait_for_call(world, IMPORT_MINUTE_MS);
        assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
        answer(world, IMAGE_ABSENT);
    }
    assert_call(world, IMPORT_LOOK, NGINX, TAG);
    assert_false(world->call->by_digest);
}

static void test_a_tag_that_moved_is_refused_for_a_day(void **state)
{
    struct world *world = *state;

    seek_until_the_tag_is_asked(world);
    answer_there(world, TAG, slice_str("sha256:bbbb"));
    assert_refused(world, "the tag 1.27 is another image now", IMPORT_MOVED_MS, IMPORT_MOVED_MS);
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_int_equal(wish(world, TAG, DIGEST), IMPORT_WISH_REFUSED);
    world->now_ms += IMPORT_MOVED_MS;
    assert_int_equal(wish(world, TAG, DIGEST), 0);
}

static void test_what_is_never_seen_is_refused_in_the_end(void **state)
{
    struct world *world = *state;
    int looks = 0;

    seek_until_the_tag_is_asked(world);
    answer(world, IMAGE_ABSENT);
    for (; !import_plan_counts(world->plan).refused; looks++) {
        (void)wait_for_call(world, 15 * IMPORT_MINUTE_MS);
        assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
        answer(world, IMAGE_ABSENT);
    }
    assert_int_equal(looks, 4);
    assert_refused(world, "ECR served it, but doesn't show that it keeps it",
                   IMPORT_BACKOFF_MS * 4 / 5, IMPORT_BACKOFF_MS);
}

static void test_a_digest_alone_is_looked_for_only(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, NONE, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer(world, IMAGE_ABSENT);
    assert_refused(world, "ECR doesn't hold this digest, and can only import it by a tag",
                   IMPORT_BACKOFF_MS * 4 / 5, IMPORT_BACKOFF_MS);
    assert_null(next(world));
}

/* Whatever it waits for, a token too: it isn't there, so it is imported. */
static void reach_import(struct world *world)
{
    for (;;) {
        (void)wait_for_call(world, 2 * IMPORT_HOUR_MS);
        if (next(world)->kind == IMPORT_GET)
            break;
        assert_call(world, IMPORT_LOOK, NGINX, TAG);
        answer(world, IMAGE_ABSENT);
    }
    assert_call(world, IMPORT_GET, NGINX, TAG);
}

static void test_a_refusal_lasts_twice_as_long_each_time(void **state)
{
    struct world *world = *state;
    int64_t want_ms = IMPORT_BACKOFF_MS;
    struct import_refusal refusal = {0};

    start_empty(world);
    for (unsigned i = 1; i <= 12; i++) {
        assert_int_equal(wish(world, TAG, NONE), 0);
        reach_import(world);
        answer_because(world, IMAGE_REFUSED, "HTTP 404");
        assert_int_equal(import_plan_refusals(world->plan, &refusal, 1), 1);
        assert_int_equal(refusal.tries, i);
        assert_in_range(refusal.until_ms - refusal.since_ms, want_ms * 4 / 5, want_ms);
        want_ms = want_ms * 2 > IMPORT_BACKOFF_MAX_MS ? IMPORT_BACKOFF_MAX_MS : want_ms * 2;
        world->now_ms = refusal.until_ms;
    }
    assert_string_equal(refusal.reason, "HTTP 404");
    world->now_ms += IMPORT_BACKOFF_MAX_MS + 2 * IMPORT_MINUTE_MS;
    (void)next(world);
    assert_int_equal(import_plan_counts(world->plan).refused, 0); /* nobody wishes for it */
}

static void test_what_a_listing_brought_is_not_refused_any_more(void **state)
{
    struct world *world = *state;

    start_with(world, NGINX);
    answer_page(world, false);
    assert_int_equal(wish(world, NONE, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer(world, IMAGE_ABSENT);
    (void)wait_for_call(world, IMPORT_HOUR_MS);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer_there(world, TAG, DIGEST);
    world->now_ms += IMPORT_MINUTE_MS;
    assert_null(next(world));
    assert_int_equal(import_plan_counts(world->plan).refused, 0);
}

static void want_import(struct world *world, const char *tag)
{
    assert_int_equal(wish(world, slice_str(tag), NONE), 0);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str(tag));
    answer(world, IMAGE_ABSENT);
}

static void spend_tokens(struct world *world)
{
    const char *const tags[] = {"1", "2", "3"};

    for (int i = 0; i < 3; i++) {
        want_import(world, tags[i]);
        assert_call(world, IMPORT_GET, NGINX, slice_str(tags[i]));
        answer_because(world, IMAGE_REFUSED, "no");
    }
}

static void test_tokens_are_waited_for_and_then_it_is_looked_for_again(void **state)
{
    struct world *world = *state;

    start_empty(world);
    spend_tokens(world);
    want_import(world, "4");
    want_import(world, "5");
    assert_null(next(world));
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).tokens, 0);
    assert_in_range(wait_for_call(world, 62 * IMPORT_MINUTE_MS), IMPORT_HOUR_MS - 60000,
                    62 * IMPORT_MINUTE_MS);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("4")); /* another replica may have done it */
    answer_there(world, slice_str("4"), NONE);
    assert_call(world, IMPORT_LIST, NGINX, NONE); /* its repository is new */
    answer_there(world, slice_str("4"), NONE);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("5"));
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, slice_str("5"));
}

static void test_a_look_without_an_answer_keeps_no_import_waiting(void **state)
{
    struct world *world = *state;

    start_empty(world);
    spend_tokens(world);
    want_import(world, "4");
    want_import(world, "5");
    (void)wait_for_call(world, 62 * IMPORT_MINUTE_MS);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("4"));
    answer(world, IMAGE_NO_ANSWER);
    (void)wait_for_call(world, 5000);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("5"));
}

static void test_an_import_without_an_answer_lets_others_go_first(void **state)
{
    struct world *world = *state;

    start_empty(world);
    want_import(world, "1");
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    assert_int_equal(wish(world, slice_str("2"), NONE), 0);
    answer(world, IMAGE_NO_ANSWER);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("2"));
    answer(world, IMAGE_ABSENT);
    (void)wait_for_call(world, 5000);
    assert_call(world, IMPORT_GET, NGINX, slice_str("2"));
}

static void test_an_upstream_that_throttles_waits_alone(void **state)
{
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_empty(world);
    want_import(world, "1");
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_THROTTLED);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).pause.why, IMAGE_THROTTLED);
    assert_int_equal(import_plan_upstream_counts(world->plan, 1).pause.why, IMAGE_THERE);
    assert_int_equal(import_plan_wish(world->plan, OWN, app, TAG, NONE, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, app, TAG);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, app, TAG);
    answer_because(world, IMAGE_REFUSED, "no");
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 12 * IMPORT_MINUTE_MS - 2000,
                    15 * IMPORT_MINUTE_MS);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("1"));
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_THROTTLED);
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 24 * IMPORT_MINUTE_MS - 2000,
                    30 * IMPORT_MINUTE_MS);
    assert_int_equal(import_plan_counts(world->plan).queued, 1);
}

/* ECR says 503 where an upstream is away, and where it chokes on one image: others go on. */
static void test_an_upstream_that_is_away_waits_alone(void **state)
{
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_empty(world);
    want_import(world, "1");
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_NO_ANSWER);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).pause.why, IMAGE_NO_ANSWER);
    assert_int_equal(import_plan_counts(world->plan).imports.why, IMAGE_THERE);
    assert_int_equal(import_plan_wish(world->plan, OWN, app, TAG, NONE, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, app, TAG);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, app, TAG);
    answer_because(world, IMAGE_REFUSED, "no");
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 1000, 5000);
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_THROTTLED); /* another reason: a first pause of its kind */
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 12 * IMPORT_MINUTE_MS - 2000,
                    15 * IMPORT_MINUTE_MS);
}

/* What ECR calls wrong about one image is no reason not to ask for the next one. */
static void test_a_look_that_is_refused_keeps_nothing_waiting(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, TAG, NONE), 0);
    assert_call(world, IMPORT_LOOK, NGINX, TAG);
    answer_because(world, IMAGE_REFUSED, "InvalidParameterException");
    assert_refused(world, "InvalidParameterException", IMPORT_BACKOFF_MS * 4 / 5,
                   IMPORT_BACKOFF_MS);
    assert_int_equal(import_plan_counts(world->plan).api.why, IMAGE_THERE);
    assert_int_equal(wish(world, slice_str("1.28"), NONE), 0);
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("1.28"));
}

static void test_denied_imports_wait_all_and_looks_go_on(void **state)
{
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_empty(world);
    want_import(world, "1");
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_DENIED);
    assert_int_equal(import_plan_counts(world->plan).imports.why, IMAGE_DENIED);
    assert_int_equal(import_plan_wish(world->plan, OWN, app, TAG, NONE, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, app, TAG);
    answer(world, IMAGE_ABSENT);
    assert_null(next(world));
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 40000, 60000);
    assert_int_equal(import_plan_counts(world->plan).imports.why, IMAGE_DENIED);
    for (; next(world)->kind == IMPORT_LOOK; (void)wait_for_call(world, IMPORT_MINUTE_MS))
        answer(world, IMAGE_ABSENT);
    assert_int_equal(next(world)->kind, IMPORT_GET);
    answer(world, IMAGE_THERE);
    assert_int_equal(import_plan_counts(world->plan).imports.why, IMAGE_THERE);
}

/* Eight times without an answer, and it is refused: it isn't for ever. */
static void test_imports_without_an_answer_are_given_up(void **state)
{
    static const struct import_upstream many = {.prefix = {"dockercache", 11}, .per_hour = 100};
    struct import_settings other = settings;
    struct world *world = *state;
    int gets = 0;

    other.upstreams = &many;
    other.n_upstreams = 1;
    import_plan_configure(world->plan, &other);
    start_empty(world);
    assert_int_equal(wish(world, TAG, NONE), 0);
    while (!import_plan_counts(world->plan).refused) {
        reach_import(world);
        answer(world, IMAGE_NO_ANSWER);
        gets++;
    }
    assert_int_equal(gets, IMPORT_TRIES_MAX);
    assert_refused(world, "ECR doesn't answer", IMPORT_BACKOFF_MS * 4 / 5, IMPORT_BACKOFF_MS);
}

static void test_the_api_rests_as_long_as_it_says_so(void **state)
{
    static const struct {
        enum image_outcome outcome;
        int64_t first_ms, most_ms;
    } cases[] = {{IMAGE_THROTTLED, 1000, 60000},
                 {IMAGE_NO_ANSWER, 5000, 300000},
                 {IMAGE_DENIED, 60000, 900000}};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t want_ms = cases[i].first_ms;

        for (int k = 0; k < 12; k++) {
            assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
            answer(world, cases[i].outcome);
            world->now_ms -= IMPORT_CALL_MS;
            assert_int_equal(import_plan_counts(world->plan).api.why, cases[i].outcome);
            assert_in_range(wait_for_call(world, want_ms), want_ms * 4 / 5, want_ms);
            /* nothing says that it is over so far */
            assert_int_equal(import_plan_counts(world->plan).api.why, cases[i].outcome);
            want_ms = want_ms * 2 > cases[i].most_ms ? cases[i].most_ms : want_ms * 2;
        }
    }
    start_empty(world);
    assert_int_equal(import_plan_counts(world->plan).api.why, IMAGE_THERE);
}

/* One whose policy denies us keeps neither the others nor the start waiting. */
static void test_a_repository_that_is_denied_goes_to_the_back(void **state)
{
    struct world *world = *state;
    struct slice other = slice_str("ghcrcache/org/app");

    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
    import_plan_found_repository(world->plan, NGINX, 2);
    import_plan_found_repository(world->plan, other, 1);
    import_plan_found_repository(world->plan, slice_str("elsewhere/app"), 3);
    import_plan_found_repository(world->plan, slice_str("dockercache"), 3);
    answer_page(world, false);
    assert_int_equal(import_plan_counts(world->plan).repositories, 2);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer(world, IMAGE_DENIED);
    (void)wait_for_call(world, IMPORT_MINUTE_MS);
    assert_call(world, IMPORT_LIST, other, NONE);
    answer_page(world, false);
    assert_true(import_plan_counts(world->plan).started);
}

static const char *newest_reason(const struct world *world)
{
    struct import_refusal newest;

    assert_int_equal(import_plan_refusals(world->plan, &newest, 1), 1);
    return newest.reason;
}

/* A policy of a repository, as reconcile.template.repositoryPolicy gives one to all that a prefix
 * will have, is no reason to keep the images of others waiting. */
static void test_what_is_denied_of_one_repository_keeps_nothing_waiting(void **state)
{
    struct world *world = *state;
    struct slice ours = slice_str("ghcrcache/org/app"), closed = slice_str("ghcrcache/acme/app");

    start_empty(world);
    assert_int_equal(import_plan_wish(world->plan, OWN, ours, TAG, NONE, world->now_ms, 0), 0);
    assert_int_equal(import_plan_wish(world->plan, OWN, closed, TAG, NONE, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, ours, TAG);
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, ours, TAG);
    answer(world, IMAGE_THERE);
    assert_call(world, IMPORT_LOOK, closed, TAG);
    answer(world, IMAGE_DENIED);
    assert_int_equal(import_plan_counts(world->plan).api.why, IMAGE_THERE);
    assert_string_equal(newest_reason(world), "our own access to this repository is denied");
    assert_int_equal(
        import_plan_wish(world->plan, OWN, closed, slice_str("2"), NONE, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, closed, slice_str("2"));
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, closed, slice_str("2"));
    answer_because(world, IMAGE_DENIED, "not authorized");
    assert_int_equal(import_plan_counts(world->plan).imports.why, IMAGE_THERE);
    assert_string_equal(newest_reason(world), "not authorized");
    world->now_ms += 2 * IMPORT_MINUTE_MS; /* nothing was granted for long: it is all of them */
    assert_int_equal(next(world)->kind, IMPORT_LOOK);
    answer(world, IMAGE_DENIED);
    assert_int_equal(import_plan_counts(world->plan).api.why, IMAGE_DENIED);
}

static void test_the_newest_is_listed_first_and_before_it_what_is_wished_for(void **state)
{
    struct world *world = *state;
    char name[] = "ghcrcache/app/1";

    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
    import_plan_found_repository(world->plan, NGINX, 0);
    for (int i = 1; i <= 3; i++) {
        name[sizeof(name) - 2] = (char)('0' + i);
        import_plan_found_repository(world->plan, slice_str(name), i);
    }
    answer_page(world, false);
    assert_call(world, IMPORT_LIST, slice_str("ghcrcache/app/3"), NONE);
    answer_page(world, false);
    assert_int_equal(wish(world, TAG, NONE), 0);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer_there(world, TAG, NONE);
    assert_call(world, IMPORT_LIST, slice_str("ghcrcache/app/2"), NONE);
    answer_page(world, false);
    assert_all_met(world); /* without a look */
}

static void test_pages_are_asked_for_one_by_one(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < 3; i++) {
        assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
        assert_int_equal(world->call->page, i);
        if (i == 0)
            import_plan_found_repository(world->plan, NGINX, 1);
        answer_page(world, i < 2);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_call(world, IMPORT_LIST, NGINX, NONE);
        assert_int_equal(world->call->page, i);
        answer_page(world, i < 2);
    }
    assert_null(next(world));
    assert_int_equal(import_plan_counts(world->plan).partial, 0);
}

static void test_a_series_that_breaks_off_begins_again(void **state)
{
    struct world *world = *state;

    start_with(world, NGINX);
    answer_page(world, true);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    assert_int_equal(world->call->page, 1);
    answer(world, IMAGE_THROTTLED);
    (void)wait_for_call(world, 2 * IMPORT_MINUTE_MS);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    assert_int_equal(world->call->page, 0);
}

/* Whoever makes the calls has new clients then, which know no token of the series. */
static void test_new_settings_begin_a_series_anew(void **state)
{
    struct world *world = *state;

    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
    import_plan_found_repository(world->plan, NGINX, 1);
    answer_page(world, true);
    import_plan_configure(world->plan, &settings);
    assert_int_equal(next(world)->kind, IMPORT_REPOSITORIES);
    assert_int_equal(world->call->page, 0);
    answer_page(world, false);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer_there(world, TAG, NONE);
    (void)wait_for_call(world, 2 * IMPORT_HOUR_MS);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer_page(world, true);
    import_plan_configure(world->plan, &settings);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    assert_int_equal(world->call->page, 0);
    answer_page(world, false);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
}

static void test_endless_pages_end_and_are_told(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < IMPORT_REPOSITORY_PAGES_MAX; i++) {
        assert_call(world, IMPORT_REPOSITORIES, NONE, NONE);
        import_plan_found_repository(world->plan, NGINX, 1);
        answer_page(world, true);
    }
    assert_true(import_plan_counts(world->plan).too_many_repository_pages);
    for (unsigned i = 0; i < IMPORT_PAGES_MAX; i++) {
        assert_call(world, IMPORT_LIST, NGINX, NONE);
        answer_page(world, true);
    }
    assert_null(next(world));
    assert_int_equal(import_plan_counts(world->plan).partial, 1);
    assert_true(import_plan_counts(world->plan).started);
}

/* What a whole listing doesn't show is not held; of one that isn't whole nothing is known. */
static void test_a_whole_listing_sweeps(void **state)
{
    struct world *world = *state;
    struct slice gone = slice_str("gone"), shown = slice_str("shown");

    start_with(world, NGINX);
    import_plan_found(world->plan, gone, NONE, world->now_ms);
    answer_there(world, shown, NONE);
    for (int whole = 0; whole < 2; whole++) {
        (void)wait_for_call(world, IMPORT_HOUR_MS);
        for (unsigned i = 0; i < (whole ? 1 : (unsigned)IMPORT_PAGES_MAX); i++) {
            assert_call(world, IMPORT_LIST, NGINX, NONE);
            import_plan_found(world->plan, shown, NONE, world->now_ms);
            answer_page(world, !whole);
        }
        assert_int_equal(image_set_has(world->set, NGINX, IMAGE_SET_TAG, gone), !whole);
        assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, shown));
    }
}

/* More pages than are listed: what was looked at long ago, and was on none of them, goes. */
static void test_a_partial_listing_sweeps_what_is_old(void **state)
{
    struct world *world = *state;
    int64_t looked_ms;

    start_with(world, NGINX);
    for (int page = 0; page < IMPORT_PAGES_MAX; page++) {
        assert_int_equal(next(world)->page, page);
        answer_page(world, true);
    }
    assert_int_equal(wish(world, TAG, NONE), 0);
    (void)wait_for_call(world, 5000);
    assert_call(world, IMPORT_LOOK, NGINX, TAG);
    answer_there(world, TAG, NONE);
    looked_ms = world->now_ms;
    while (image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG)) {
        assert_true(world->now_ms - looked_ms < IMPORT_DIGEST_MS + 2 * IMPORT_HOUR_MS);
        (void)wait_for_call(world, IMPORT_HOUR_MS);
        assert_int_equal(next(world)->kind, IMPORT_LIST);
        answer_page(world, true);
    }
    assert_true(world->now_ms - looked_ms >= IMPORT_DIGEST_MS);
}

/* Nobody follows it any more; if it comes back, what it holds isn't what it held. */
static void test_an_upstream_that_goes_takes_its_images_with_it(void **state)
{
    struct import_settings fewer = settings;
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_with(world, app);
    answer_there(world, TAG, DIGEST);
    assert_true(image_set_has(world->set, app, IMAGE_SET_TAG, TAG));
    fewer.n_upstreams = 1;
    import_plan_configure(world->plan, &fewer);
    import_plan_configure(world->plan, &settings);
    assert_false(image_set_has(world->set, app, IMAGE_SET_TAG, TAG));
    assert_false(image_set_has(world->set, app, IMAGE_SET_DIGEST, DIGEST));
}

static void test_a_repository_that_went_takes_its_images_with_it(void **state)
{
    struct world *world = *state;

    start_with(world, NGINX);
    answer_there(world, TAG, DIGEST);
    (void)wait_for_call(world, IMPORT_HOUR_MS);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    answer(world, IMAGE_ABSENT);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_int_equal(import_plan_counts(world->plan).repositories, 0);
}

static void test_repositories_in_use_are_listed_more_often(void **state)
{
    struct world *world = *state;
    struct import_settings by_digest = settings;

    start_with(world, NGINX);
    answer_there(world, TAG, NONE);
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 39 * IMPORT_MINUTE_MS, IMPORT_HOUR_MS);
    answer_there(world, TAG, NONE);
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 10 * IMPORT_MINUTE_MS - 1000,
                    15 * IMPORT_MINUTE_MS);
    by_digest.digests = true;
    import_plan_configure(world->plan, &by_digest);
    answer_there(world, TAG, NONE);
    assert_in_range(wait_for_call(world, IMPORT_HOUR_MS), 3 * IMPORT_MINUTE_MS,
                    5 * IMPORT_MINUTE_MS);
}

/* AWS is away: tags stay, digests that nobody has seen for hours go. */
static void test_old_knowledge_of_digests_goes(void **state)
{
    struct world *world = *state;
    int64_t end_ms;

    start_with(world, NGINX);
    answer_there(world, TAG, DIGEST);
    end_ms = world->now_ms + IMPORT_DIGEST_MS + 2 * IMPORT_MINUTE_MS;
    while (world->now_ms < end_ms) {
        (void)wait_for_call(world, IMPORT_HOUR_MS);
        if (world->now_ms < end_ms - 4 * IMPORT_MINUTE_MS)
            assert_true(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
        answer(world, IMAGE_NO_ANSWER);
    }
    (void)next(world);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
}

static void test_a_pull_that_failed_drops_the_image(void **state)
{
    struct world *world = *state;

    start_with(world, NGINX);
    answer_there(world, TAG, DIGEST);
    import_plan_pull_failed(world->plan, NGINX, TAG, NONE);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
    import_plan_pull_failed(world->plan, NGINX, NONE, DIGEST);
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
}

/* Whoever makes pods can make one that fails by a digest that nobody has, behind any tag. */
static void test_a_pull_by_digest_says_nothing_of_the_tag(void **state)
{
    struct world *world = *state;

    start_with(world, NGINX);
    answer_there(world, TAG, DIGEST);
    import_plan_pull_failed(world->plan, NGINX, TAG, slice_str("sha256:bbbb"));
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    import_plan_pull_failed(world->plan, NGINX, TAG, DIGEST);
    assert_true(image_set_has(world->set, NGINX, IMAGE_SET_TAG, TAG));
    assert_false(image_set_has(world->set, NGINX, IMAGE_SET_DIGEST, DIGEST));
}

static void test_odd_wishes_are_turned_down(void **state)
{
    struct world *world = *state;
    char bytes[300];

    memset(bytes, 'a', sizeof(bytes));
    memcpy(bytes, "dockercache/", strlen("dockercache/"));
    for (int odd = 0; odd < 5; odd++) {
        struct slice repository = odd == 0   ? slice_str("elsewhere/app")
                                  : odd == 1 ? slice_str("dockercached/app")
                                  : odd == 2 ? slice_of(bytes, IMAGE_SET_REPOSITORY_MAX + 1)
                                             : NGINX;
        struct slice tag = odd == 3   ? NONE
                           : odd == 4 ? slice_of(bytes, IMAGE_SET_REFERENCE_MAX + 1)
                                      : TAG;

        assert_int_equal(
            import_plan_wish(world->plan, OWN, repository, tag, NONE, world->now_ms, NO_LUCK),
            IMPORT_WISH_ODD);
    }
    assert_int_equal(import_plan_wish(world->plan, OWN, slice_of(bytes, 255), slice_of(bytes, 128),
                                      slice_of(bytes, 135), world->now_ms, NO_LUCK),
                     0);
}

static void test_the_longest_prefix_is_the_upstream(void **state)
{
    struct world *world = *state;
    struct slice own = slice_str("dockercache/own/app");

    start_empty(world);
    assert_int_equal(import_plan_wish(world->plan, OWN, own, TAG, NONE, world->now_ms, NO_LUCK), 0);
    assert_call(world, IMPORT_LOOK, own, TAG);
    assert_int_equal(world->call->upstream, 2);
}

static int wish_number(struct world *world, const char *prefix, unsigned number)
{
    char tag[20];
    char name[60];

    (void)snprintf(tag, sizeof(tag), "v%u", number);
    (void)snprintf(name, sizeof(name), "%s/app", prefix);
    return import_plan_wish(world->plan, OWN, slice_str(name), slice_str(tag), NONE, world->now_ms,
                            0);
}

static int wish_of(struct world *world, const char *namespace, unsigned number)
{
    char tag[20];

    (void)snprintf(tag, sizeof(tag), "%s%u", namespace, number);
    return import_plan_wish(world->plan, slice_str(namespace), NGINX, slice_str(tag), NONE,
                            world->now_ms, NO_LUCK);
}

/* Three tokens an hour, and one namespace wants hundreds of images. */
static void test_a_flood_of_one_namespace_takes_no_more_than_every_other_turn(void **state)
{
    struct world *world = *state;

    start_empty(world);
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(wish_of(world, "flood", i), 0);
    assert_int_equal(wish_of(world, "quiet", 0), 0);
    for (int looks = 0;; looks++) { /* each namespace's turn, and the spread */
        assert_in_range(looks, 0, 2);
        (void)wait_for_call(world, 1000);
        if (slice_is(next(world)->reference, "quiet0"))
            break;
        answer_because(world, world->call->kind == IMPORT_GET ? IMAGE_REFUSED : IMAGE_ABSENT, "no");
    }
    answer(world, IMAGE_ABSENT);
    assert_call(world, IMPORT_GET, NGINX, slice_str("quiet0"));
    answer_because(world, IMAGE_REFUSED, "no");
}

/* Whoever has large images imported, which are long not there, keeps no first looks waiting. */
static void test_first_looks_and_others_take_turns(void **state)
{
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_empty(world);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(wish_number(world, "ghcrcache", i), 0);
        assert_int_equal(next(world)->kind, IMPORT_LOOK);
        answer(world, IMAGE_ABSENT);
        assert_int_equal(next(world)->kind, IMPORT_GET);
        import_plan_answer(world->plan, &(struct import_answer){.outcome = IMAGE_THERE},
                           world->now_ms, NO_LUCK);
    }
    world->now_ms += 10000; /* all are to be looked for */
    assert_int_equal(wish(world, NONE, DIGEST), 0);
    assert_int_equal(import_plan_wish(world->plan, OWN, app, NONE, DIGEST, world->now_ms, NO_LUCK),
                     0);
    for (unsigned first = 0, looks = 0; first < 2; looks++) {
        assert_true(looks < 4);
        assert_int_equal(next(world)->kind, IMPORT_LOOK);
        first += world->call->by_digest;
        answer(world, IMAGE_ABSENT);
    }
}

/* What has waited for tokens long before another one's first image gives way all the same. */
static void test_tokens_go_round(void **state)
{
    struct world *world = *state;
    int flood = 0;

    start_empty(world);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(wish_of(world, "flood", i), 0);
    for (int gets = 0; gets < 3;) {
        (void)wait_for_call(world, IMPORT_HOUR_MS);
        gets += next(world)->kind == IMPORT_GET;
        answer_because(world, world->call->kind == IMPORT_GET ? IMAGE_REFUSED : IMAGE_ABSENT, "no");
    }
    while (world->now_ms % IMPORT_HOUR_MS < IMPORT_HOUR_MS / 2) { /* all are looked at */
        int64_t wait_ms = 0;

        if (import_plan_next(world->plan, world->now_ms, NO_LUCK, &wait_ms))
            answer(world, IMAGE_ABSENT);
        world->now_ms += wait_ms;
    }
    assert_int_equal(wish_of(world, "quiet", 0), 0);
    for (;;) {
        (void)wait_for_call(world, IMPORT_HOUR_MS);
        if (next(world)->kind == IMPORT_GET && slice_is(world->call->reference, "quiet0"))
            break;
        flood += world->call->kind == IMPORT_GET;
        answer_because(world, world->call->kind == IMPORT_GET ? IMAGE_REFUSED : IMAGE_ABSENT, "no");
    }
    assert_in_range(flood, 0, 1);
}

/* The table is full of one namespace's: that one makes room, and nobody else does. */
static void test_a_full_table_takes_from_who_has_most(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < IMPORT_WISHES_MAX / 2; i++)
        assert_int_equal(wish_of(world, "flood", i), 0);
    assert_int_equal(wish_of(world, "quiet", 0), 0);
    assert_int_equal(wish_of(world, "flood", 9999), IMPORT_WISH_DROPPED);
    assert_int_equal(wish_of(world, "quiet", 0), IMPORT_WISH_KNOWN);
    assert_int_equal(wish_of(world, "flood", 0), IMPORT_WISH_KNOWN);
    assert_int_equal(import_plan_counts(world->plan).dropped, 2);
    assert_int_equal(import_plan_counts(world->plan).queued, IMPORT_WISHES_MAX / 2);
}

/* An image that both want comes by the turn of who has less waiting. */
static void test_a_wish_that_two_have_comes_by_the_better_turn(void **state)
{
    struct world *world = *state;
    int before = 0;

    start_empty(world);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(wish_of(world, "flood", i), 0);
    assert_int_equal(import_plan_wish(world->plan, slice_str("quiet"), NGINX, slice_str("flood99"),
                                      NONE, world->now_ms, NO_LUCK),
                     IMPORT_WISH_KNOWN);
    for (;; before++) {
        (void)wait_for_call(world, 1000);
        if (next(world)->kind == IMPORT_LOOK && slice_is(world->call->reference, "flood99"))
            break;
        answer_because(world, world->call->kind == IMPORT_GET ? IMAGE_REFUSED : IMAGE_ABSENT, "no");
    }
    assert_in_range(before, 0, 2);
}

/* Half of the table is one upstream's at most, so a flood of one leaves room for the others. */
static void test_a_full_table_drops_and_counts(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < IMPORT_WISHES_MAX / 2; i++)
        assert_int_equal(wish_number(world, "dockercache", i), 0);
    assert_int_equal(wish_number(world, "dockercache", 9999), IMPORT_WISH_DROPPED);
    for (unsigned i = 0; i < IMPORT_WISHES_MAX / 2; i++)
        assert_int_equal(wish_number(world, "ghcrcache", i), 0);
    assert_int_equal(wish_number(world, "ghcrcache", 9999), IMPORT_WISH_DROPPED);
    assert_int_equal(wish_number(world, "dockercache/own", 1), 0); /* the first one of its own */
    assert_int_equal(import_plan_counts(world->plan).dropped, 3);
    assert_int_equal(import_plan_counts(world->plan).queued, IMPORT_WISHES_MAX);
}

static void test_refused_ones_make_room(void **state)
{
    struct world *world = *state;

    start_empty(world);
    assert_int_equal(wish(world, NONE, DIGEST), 0);
    assert_call(world, IMPORT_LOOK, NGINX, DIGEST);
    answer(world, IMAGE_ABSENT);
    for (unsigned i = 0; i < IMPORT_WISHES_MAX / 2; i++)
        assert_int_equal(wish_number(world, "dockercache", i), 0);
    assert_int_equal(import_plan_counts(world->plan).refused, 0);
    assert_int_equal(wish_number(world, "dockercache", 9999), IMPORT_WISH_DROPPED);
}

/* But none of another upstream, which couldn't be had for this one. */
static void test_refused_ones_of_others_stay(void **state)
{
    struct world *world = *state;
    struct slice app = slice_str("ghcrcache/org/app");

    start_empty(world);
    assert_int_equal(import_plan_wish(world->plan, OWN, app, NONE, DIGEST, world->now_ms, 0), 0);
    assert_call(world, IMPORT_LOOK, app, DIGEST);
    answer(world, IMAGE_ABSENT);
    for (unsigned i = 0; i < IMPORT_WISHES_MAX / 2; i++)
        assert_int_equal(wish_number(world, "dockercache", i), 0);
    assert_int_equal(wish_number(world, "dockercache", 9999), IMPORT_WISH_DROPPED);
    assert_int_equal(import_plan_counts(world->plan).refused, 1);
}

static void test_new_settings_keep_what_stays(void **state)
{
    static const struct import_upstream other[] = {{{"quaycache", 9}, 5}, {{"dockercache", 11}, 3}};
    struct import_settings changed = {.upstreams = other, .n_upstreams = 2, .recheck_ms = 60000};
    struct world *world = *state;

    start_with(world, NGINX);
    answer_page(world, false);
    want_import(world, "1");
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    assert_int_equal(wish_number(world, "ghcrcache", 1), 0);
    import_plan_configure(world->plan, &changed); /* while a call is under way */
    answer_because(world, IMAGE_REFUSED, "no");
    assert_int_equal(import_plan_upstream_counts(world->plan, 1).tokens, 2);
    assert_int_equal(import_plan_upstream_counts(world->plan, 1).refused, 1);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).tokens, 5);
    assert_int_equal(import_plan_counts(world->plan).queued, 0);
    assert_int_equal(import_plan_counts(world->plan).repositories, 1);
    assert_call(world, IMPORT_REPOSITORIES, NONE, NONE); /* quaycache may have some */
    changed.n_upstreams = 1;
    import_plan_configure(world->plan, &changed);
    answer_page(world, false);
    assert_int_equal(import_plan_counts(world->plan).repositories, 0);
    assert_int_equal(import_plan_counts(world->plan).refused, 0);
    import_plan_free(NULL);
}

static void test_an_upstream_that_goes_takes_its_calls_with_it(void **state)
{
    struct import_settings changed = {.upstreams = upstreams + 1, .n_upstreams = 1};
    struct world *world = *state;

    start_with(world, NGINX);
    answer_page(world, true);
    assert_call(world, IMPORT_LIST, NGINX, NONE);
    import_plan_configure(world->plan, &changed);
    answer_page(world, true);
    assert_null(next(world));
    assert_int_equal(import_plan_counts(world->plan).repositories, 0);
}

static void test_refusals_are_told_the_newest_first(void **state)
{
    struct world *world = *state;
    struct import_refusal refusals[3];
    char digest[20];

    start_empty(world);
    assert_int_equal(import_plan_refusals(world->plan, refusals, 3), 0);
    for (int i = 0; i < 5; i++) {
        (void)snprintf(digest, sizeof(digest), "sha256:%d", i);
        assert_int_equal(wish(world, NONE, slice_str(digest)), 0);
        assert_call(world, IMPORT_LOOK, NGINX, slice_str(digest));
        answer(world, IMAGE_ABSENT);
    }
    assert_int_equal(import_plan_refusals(world->plan, refusals, 0), 0);
    assert_int_equal(import_plan_refusals(world->plan, refusals, 3), 3);
    assert_true(slice_is(refusals[0].digest, "sha256:4"));
    assert_true(slice_is(refusals[2].digest, "sha256:2"));
    assert_true(slice_equal(refusals[0].repository, NGINX));
}

static void test_a_clock_that_jumps_does_no_harm(void **state)
{
    struct world *world = *state;
    int64_t before_ms;

    start_empty(world);
    want_import(world, "1");
    before_ms = world->now_ms;
    world->now_ms = 0;
    assert_call(world, IMPORT_GET, NGINX, slice_str("1"));
    answer(world, IMAGE_THERE);
    world->now_ms = 10000;
    assert_null(next(world)); /* it stands still */
    world->now_ms = before_ms + 1000LL * IMPORT_HOUR_MS;
    assert_call(world, IMPORT_LOOK, NGINX, slice_str("1"));
    answer_there(world, slice_str("1"), NONE);
    assert_int_equal(import_plan_upstream_counts(world->plan, 0).tokens, 3);
}

#define PLAN_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAN_TEST(test_a_tag_is_looked_for_imported_and_seen),
        PLAN_TEST(test_what_is_there_already_is_not_imported),
        PLAN_TEST(test_a_tag_with_a_digest_is_imported_by_the_tag),
        PLAN_TEST(test_a_tag_that_moved_is_refused_for_a_day),
        PLAN_TEST(test_what_is_never_seen_is_refused_in_the_end),
        PLAN_TEST(test_a_digest_alone_is_looked_for_only),
        PLAN_TEST(test_a_refusal_lasts_twice_as_long_each_time),
        PLAN_TEST(test_what_a_listing_brought_is_not_refused_any_more),
        PLAN_TEST(test_tokens_are_waited_for_and_then_it_is_looked_for_again),
        PLAN_TEST(test_a_look_without_an_answer_keeps_no_import_waiting),
        PLAN_TEST(test_an_import_without_an_answer_lets_others_go_first),
        PLAN_TEST(test_an_upstream_that_throttles_waits_alone),
        PLAN_TEST(test_an_upstream_that_is_away_waits_alone),
        PLAN_TEST(test_a_look_that_is_refused_keeps_nothing_waiting),
        PLAN_TEST(test_denied_imports_wait_all_and_looks_go_on),
        PLAN_TEST(test_imports_without_an_answer_are_given_up),
        PLAN_TEST(test_the_api_rests_as_long_as_it_says_so),
        PLAN_TEST(test_a_repository_that_is_denied_goes_to_the_back),
        PLAN_TEST(test_what_is_denied_of_one_repository_keeps_nothing_waiting),
        PLAN_TEST(test_the_newest_is_listed_first_and_before_it_what_is_wished_for),
        PLAN_TEST(test_pages_are_asked_for_one_by_one),
        PLAN_TEST(test_a_series_that_breaks_off_begins_again),
        PLAN_TEST(test_new_settings_begin_a_series_anew),
        PLAN_TEST(test_endless_pages_end_and_are_told),
        PLAN_TEST(test_a_whole_listing_sweeps),
        PLAN_TEST(test_a_partial_listing_sweeps_what_is_old),
        PLAN_TEST(test_an_upstream_that_goes_takes_its_images_with_it),
        PLAN_TEST(test_a_repository_that_went_takes_its_images_with_it),
        PLAN_TEST(test_repositories_in_use_are_listed_more_often),
        PLAN_TEST(test_old_knowledge_of_digests_goes),
        PLAN_TEST(test_a_pull_that_failed_drops_the_image),
        PLAN_TEST(test_a_pull_by_digest_says_nothing_of_the_tag),
        PLAN_TEST(test_odd_wishes_are_turned_down),
        PLAN_TEST(test_the_longest_prefix_is_the_upstream),
        PLAN_TEST(test_a_flood_of_one_namespace_takes_no_more_than_every_other_turn),
        PLAN_TEST(test_first_looks_and_others_take_turns),
        PLAN_TEST(test_tokens_go_round),
        PLAN_TEST(test_a_full_table_takes_from_who_has_most),
        PLAN_TEST(test_a_wish_that_two_have_comes_by_the_better_turn),
        PLAN_TEST(test_a_full_table_drops_and_counts),
        PLAN_TEST(test_refused_ones_make_room),
        PLAN_TEST(test_refused_ones_of_others_stay),
        PLAN_TEST(test_new_settings_keep_what_stays),
        PLAN_TEST(test_an_upstream_that_goes_takes_its_calls_with_it),
        PLAN_TEST(test_refusals_are_told_the_newest_first),
        PLAN_TEST(test_a_clock_that_jumps_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
