/*
 * Passes in simulated time: the clock stands between them, and is moved by hand.
 */
#include "pullthrough/app/reconcile.h"

#include "ecr_world.h"
#include "fake_surroundings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MINUTE_S = 60, HOUR_S = 3600, INTERVAL_S = 10 * MINUTE_S, PASSES_A_DAY = 144 };

/* What the sanitizers' allocators have given out; NULL without one. */
size_t sanitizer_bytes(void) __asm__("__sanitizer_get_current_allocated_bytes")
    __attribute__((weak));

struct bench {
    struct ecr_world *world;
    struct fake_surroundings fake;
    struct config *config;
    struct aws_client *aws;
    struct reconcile *reconcile;
    struct reconcile_report report;
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error error;

    assert_non_null(bench);
    bench->world = ecr_world_new();
    fake_surroundings_init(&bench->fake);
    fake_surroundings_set_format(&bench->fake, "AWS_ENDPOINT_URL", "http://127.0.0.1:%u",
                                 fake_http_port(bench->world->server));
    fake_surroundings_set(&bench->fake, "AWS_REGION", "us-west-2");
    fake_surroundings_set(&bench->fake, "AWS_ACCESS_KEY_ID", "AKID");
    fake_surroundings_set(&bench->fake, "AWS_SECRET_ACCESS_KEY", "hush");
    if (config_parse(&bench->config, slice_str(""), &error) < 0 ||
        aws_client_new(&bench->aws,
                       &(struct aws_client_config){.environment = bench->fake.environment,
                                                   .timing = bench->fake.timing},
                       &error) < 0)
        fail_msg("%s", error.text);
    bench->reconcile = reconcile_new();
    reconcile_configure(bench->reconcile, bench->config);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    reconcile_report_fini(&bench->report);
    reconcile_free(bench->reconcile);
    aws_client_free(bench->aws);
    config_free(bench->config);
    fake_surroundings_fini(&bench->fake);
    ecr_world_free(bench->world);
    free(bench);
    return 0;
}

static void let_pass(struct bench *bench, unsigned seconds)
{
    bench->fake.wall_s += seconds;
    bench->fake.monotonic_ms += (uint64_t)seconds * 1000;
    bench->fake.n_waits = 0;
}

static void pass(struct bench *bench)
{
    reconcile_pass(bench->reconcile, bench->aws, "", &bench->fake.timing, &bench->report);
}

/* How many calls one pass makes, some time after the one before. */
static unsigned calls_of_pass(struct bench *bench, unsigned seconds)
{
    unsigned before = ecr_world_calls(bench->world, NULL);

    let_pass(bench, seconds);
    pass(bench);
    return ecr_world_calls(bench->world, NULL) - before;
}

static void assert_all(const struct bench *bench, enum upstream_state state)
{
    assert_int_equal(bench->report.n_rows, 4);
    for (size_t i = 0; i < bench->report.n_rows; i++)
        if (bench->report.rows[i].state != state)
            fail_msg("%s: %s: %s", bench->config->upstreams[i].registry,
                     upstream_state_name(bench->report.rows[i].state),
                     bench->report.rows[i].reason);
}

static void test_from_nothing_to_two_calls_a_pass(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    assert_int_equal(bench->report.outcome, RECONCILE_COMPLETE);
    assert_int_equal(bench->report.changes, 5);
    assert_string_equal(bench->report.account, "111122223333");
    assert_int_equal(ecr_world_rules(bench->world), 4);
    assert_true(bench->world->has_template);
    assert_int_equal(calls_of_pass(bench, INTERVAL_S), 2);
    assert_int_equal(bench->report.changes, 0);
}

static void print_plan(void *context, const struct reconcile_view *view)
{
    reconcile_plan_print(context, view->plan, view->wanted, view->observed);
}

static void test_a_preview_only_reads(void **state)
{
    struct bench *bench = *state;
    STRBUF_CLEANUP struct strbuf plan = STRBUF_INIT(64 * 1024);
    const struct reconcile_viewer viewer = {print_plan, &plan};

    reconcile_preview(bench->reconcile, bench->aws, "", &bench->fake.timing, &bench->report,
                      &viewer);
    assert_non_null(strstr(strbuf_str(&plan), "+ template ROOT"));
    assert_non_null(strstr(strbuf_str(&plan), "+ rule dockercache"));
    assert_int_equal(bench->report.to_write, 5);
    assert_all(bench, UPSTREAM_MISSING);
    assert_int_equal(ecr_world_rules(bench->world), 0);
    assert_int_equal(ecr_world_calls(bench->world, NULL), 4);
    assert_int_equal(ecr_world_calls(bench->world, "DescribePullThroughCacheRules"), 1);
    assert_int_equal(ecr_world_calls(bench->world, "DescribeRepositoryCreationTemplates"), 1);
    assert_int_equal(ecr_world_calls(bench->world, "DescribeSecret"), 2);

    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    strbuf_clear(&plan);
    reconcile_preview(bench->reconcile, bench->aws, "", &bench->fake.timing, &bench->report,
                      &viewer);
    assert_non_null(strstr(strbuf_str(&plan), "Plan: nothing to do."));
    assert_int_equal(bench->report.to_write, 0);
    assert_all(bench, UPSTREAM_READY);
}

/* Bytes that are allocated now; 0 without a sanitizer, for the C library's own count holds what its
 * threads keep in their caches. */
static size_t heap(void)
{
    return sanitizer_bytes ? sanitizer_bytes() : 0;
}

/* The least of ten passes: the server's thread frees a request only after its answer was read. */
static size_t heap_over_passes(struct bench *bench, unsigned *calls)
{
    size_t least = SIZE_MAX;

    for (int i = 0; i < 10; i++) {
        size_t now;

        *calls += calls_of_pass(bench, INTERVAL_S);
        assert_all(bench, UPSTREAM_READY);
        now = heap();
        least = now < least ? now : least;
    }
    return least;
}

static void test_a_day_of_passes(void **state)
{
    struct bench *bench = *state;
    unsigned calls = 0, validations;
    size_t first, last = 0;

    pass(bench);
    validations = ecr_world_calls(bench->world, "ValidatePullThroughCacheRule");
    assert_int_equal(validations, 2);
    first = heap_over_passes(bench, &calls);
    for (int i = 10; i < PASSES_A_DAY - 4; i += 10)
        last = heap_over_passes(bench, &calls);
    for (int i = PASSES_A_DAY - 4; i < PASSES_A_DAY; i++)
        calls += calls_of_pass(bench, INTERVAL_S);

    /* Two looks a pass. Four times a day two credentials are tried, their secrets looked up. */
    assert_int_equal(calls, 2 * PASSES_A_DAY + 4 * 2 * 2);
    assert_int_equal(ecr_world_calls(bench->world, "ValidatePullThroughCacheRule"),
                     validations + 4 * 2);
    assert_int_equal(ecr_world_calls(bench->world, "CreatePullThroughCacheRule"), 4);
    if (last > first + 512)
        fail_msg("%zu bytes were in use at first, %zu after a day", first, last);
}

static void test_a_full_registry_is_not_asked_fast(void **state)
{
    struct bench *bench = *state;

    ecr_world_fill(bench->world);
    pass(bench);
    assert_all(bench, UPSTREAM_MISSING);
    assert_non_null(strstr(bench->report.rows[2].reason, "LimitExceededException"));
    assert_false(bench->report.soon);
    assert_int_equal(ecr_world_calls(bench->world, "CreatePullThroughCacheRule"), 4);
    for (unsigned passed_s = INTERVAL_S; passed_s < HOUR_S; passed_s += INTERVAL_S) {
        (void)calls_of_pass(bench, INTERVAL_S);
        assert_all(bench, UPSTREAM_MISSING);
    }
    assert_int_equal(ecr_world_calls(bench->world, "CreatePullThroughCacheRule"), 4);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_int_equal(ecr_world_calls(bench->world, "CreatePullThroughCacheRule"), 8);
    assert_int_equal(ecr_world_rules(bench->world), ECR_WORLD_RULES_MAX);
}

static void test_a_day_without_aws_changes_nothing(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    ecr_world_break(bench->world, true);
    for (int i = 0; i < PASSES_A_DAY; i++) {
        /* Two looks, each tried three times. */
        assert_int_equal(calls_of_pass(bench, INTERVAL_S), 6);
        assert_all(bench, UPSTREAM_READY);
        assert_int_equal(bench->report.outcome, RECONCILE_FAILED);
        assert_true(bench->report.soon);
    }
    ecr_world_break(bench->world, false);
    /* The day is over, so both credentials are due too. */
    assert_int_equal(calls_of_pass(bench, INTERVAL_S), 2 + 2 * 2);
    assert_int_equal(bench->report.outcome, RECONCILE_COMPLETE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_nothing_to_two_calls_a_pass, start, stop),
        cmocka_unit_test_setup_teardown(test_a_preview_only_reads, start, stop),
        cmocka_unit_test_setup_teardown(test_a_day_of_passes, start, stop),
        cmocka_unit_test_setup_teardown(test_a_full_registry_is_not_asked_fast, start, stop),
        cmocka_unit_test_setup_teardown(test_a_day_without_aws_changes_nothing, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
