/*
 * Passes in simulated time: the clock stands between them, and is moved by hand.
 */
#include "reconcile_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What the sanitizers' allocators have given out; NULL without one. */
size_t sanitizer_bytes(void) __asm__("__sanitizer_get_current_allocated_bytes")
    __attribute__((weak));

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
    assert_non_null(strstr(bench->report.statuses[2].reason, "LimitExceededException"));
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
        cmocka_unit_test_setup_teardown(test_from_nothing_to_two_calls_a_pass,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_preview_only_reads, reconcile_bench_start,
                                        reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_day_of_passes, reconcile_bench_start,
                                        reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_full_registry_is_not_asked_fast,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_day_without_aws_changes_nothing,
                                        reconcile_bench_start, reconcile_bench_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
