/*
 * A rule's credential over time: tried, refused, somebody else's; and rules below ours, from pass
 * to pass.
 */
#include "reconcile_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOGIN_FAILED                                                                               \
    "The authentication to the upstream registry failed. Verify that the credentials stored in "   \
    "the Secrets Manager secret are correct and try again."
#define AWAY  "The upstream registry registry-1.docker.io could not be reached."
#define THEIR "arn:aws:secretsmanager:us-west-2:111122223333:secret:ecr-pullthroughcache/"

static bool is_noted(const struct bench *bench, const char *text)
{
    for (size_t i = 0; i < bench->report.n_notes; i++)
        if (strstr(bench->report.notes[i], text))
            return true;
    return false;
}

/* docker.io and ghcr.io, whose rules have credentials; the others are ready always. */
static void assert_docker(const struct bench *bench, enum upstream_state state)
{
    assert_int_equal(bench->report.statuses[0].state, state);
    assert_int_equal(bench->report.statuses[1].state, state);
    assert_int_equal(bench->report.statuses[2].state, UPSTREAM_READY);
    assert_int_equal(bench->report.statuses[3].state, UPSTREAM_READY);
}

static void test_an_outage_of_an_upstream_turns_nothing_off(void **state)
{
    static const char *const words[] = {AWAY, "Rate exceeded", "Validation failed"};
    struct bench *bench = *state;

    pass(bench);
    for (int i = 0; i < PASSES_A_DAY; i++) {
        ecr_world_refuse(bench->world, words[i % 3]);
        (void)calls_of_pass(bench, INTERVAL_S);
        assert_all(bench, UPSTREAM_READY);
        assert_int_equal(bench->report.outcome, RECONCILE_COMPLETE);
        if (i >= PASSES_A_DAY / 2) /* they were due by then */
            assert_true(is_noted(bench, "cached images are served. ECR says: "));
    }
    restart(bench);
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    assert_true(is_noted(bench, "cached images are served. ECR says: "));
    ecr_world_refuse(bench->world, "");
    assert_int_equal(calls_of_pass(bench, INTERVAL_S), 2 + 2 * 2);
    assert_int_equal(bench->report.n_notes, 0);
    assert_int_equal(calls_of_pass(bench, INTERVAL_S), 2);
}

static void test_a_refused_credential_counts_minutes_later(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    restart(bench);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    assert_true(is_noted(bench, "\"dockercache\" was refused once"));
    for (unsigned passed_s = MINUTE_S; passed_s < 5 * MINUTE_S; passed_s += MINUTE_S) {
        (void)calls_of_pass(bench, MINUTE_S); /* told to, by SIGHUP */
        assert_all(bench, UPSTREAM_READY);
    }
    (void)calls_of_pass(bench, MINUTE_S);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
    assert_non_null(strstr(bench->report.statuses[0].reason, LOGIN_FAILED));
    assert_int_equal(bench->report.n_notes, 0);

    /* An outage makes nothing better, nor a new configuration; only a login does. */
    ecr_world_refuse(bench->world, AWAY);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
    assert_true(is_noted(bench, "could not be tried; it stays as it was"));
    reconcile_configure(bench->reconcile, bench->config);
    (void)calls_of_pass(bench, 1);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
    ecr_world_refuse(bench->world, "");
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_all(bench, UPSTREAM_READY);
    assert_int_equal(bench->report.n_notes, 0);
}

/* Nothing is cached by a rule that was made just now, and every pull by it would fail. */
static void test_a_new_rule_with_a_wrong_credential(void **state)
{
    struct bench *bench = *state;

    ecr_world_refuse(bench->world, AWAY);
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    reconcile_configure(bench->reconcile, bench->config);
    (void)calls_of_pass(bench, 1);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
    assert_int_equal(bench->report.n_notes, 0);
    ecr_world_refuse(bench->world, "");
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_refuse(bench->world, LOGIN_FAILED); /* by now it worked */
    (void)calls_of_pass(bench, 6 * HOUR_S);
    assert_all(bench, UPSTREAM_READY);
    assert_true(is_noted(bench, "was refused once"));
}

static void test_one_refusal_between_logins_counts_for_nothing(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    for (int i = 0; i < 3; i++) {
        (void)calls_of_pass(bench, 6 * HOUR_S);
        assert_all(bench, UPSTREAM_READY);
        ecr_world_refuse(bench->world, LOGIN_FAILED);
        (void)calls_of_pass(bench, 6 * HOUR_S);
        assert_all(bench, UPSTREAM_READY);
        assert_true(is_noted(bench, "was refused once"));
        ecr_world_refuse(bench->world, "");
        (void)calls_of_pass(bench, INTERVAL_S);
        assert_all(bench, UPSTREAM_READY);
        assert_int_equal(bench->report.n_notes, 0);
    }
}

/* The second try comes with the next pass, and an outage between two refusals takes none back. */
static void test_a_credential_that_worked_is_refused(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_int_equal(bench->report.n_notes, 0); /* not due yet */
    (void)calls_of_pass(bench, 6 * HOUR_S);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_refuse(bench->world, AWAY);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    reconcile_configure(bench->reconcile, bench->config); /* takes none back either */
    (void)calls_of_pass(bench, 1);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
}

static void test_a_command_tells_what_it_saw(void **state)
{
    struct bench *bench = *state;

    pass(bench);
    restart(bench);
    reconcile_is_single(bench->reconcile);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    pass(bench);
    assert_docker(bench, UPSTREAM_SECRET_INVALID);
    restart(bench);
    reconcile_is_single(bench->reconcile);
    ecr_world_refuse(bench->world, AWAY);
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    assert_true(is_noted(bench, "could not be reached"));
}

/* Theirs works, so it stays; for ever, and at two calls a pass. */
static void test_a_credential_of_somebody_else_stays(void **state)
{
    struct bench *bench = *state;
    char arn[200];

    ecr_world_add_rule(bench->world, "dockercache", "registry-1.docker.io", THEIR "old-AbCdEf");
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    assert_true(is_noted(bench, "\"dockercache\" keeps another credential"));
    assert_int_equal(calls_of_pass(bench, INTERVAL_S), 2);
    (void)calls_of_pass(bench, 6 * HOUR_S);
    ecr_world_refuse(bench->world, AWAY);
    (void)calls_of_pass(bench, 6 * HOUR_S);
    (void)calls_of_pass(bench, INTERVAL_S);
    ecr_world_refuse(bench->world, LOGIN_FAILED);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_credential(bench->world, "dockercache", arn, sizeof(arn));
    assert_string_equal(arn, THEIR "old-AbCdEf");
    assert_int_equal(ecr_world_calls(bench->world, "UpdatePullThroughCacheRule"), 0);

    /* Refused for sure, it is exchanged. */
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_int_equal(bench->report.statuses[0].state, UPSTREAM_SECRET_INVALID);
    ecr_world_refuse(bench->world, "");
    (void)calls_of_pass(bench, INTERVAL_S);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_all(bench, UPSTREAM_READY);
    assert_int_equal(ecr_world_calls(bench->world, "UpdatePullThroughCacheRule"), 1);
    ecr_world_credential(bench->world, "dockercache", arn, sizeof(arn));
    assert_string_equal(arn, THEIR "dockerio-AbCdEf");
    assert_int_equal(bench->report.n_notes, 0);
}

static void test_a_credential_whose_secret_is_gone_is_exchanged(void **state)
{
    struct bench *bench = *state;
    char arn[200];

    ecr_world_add_rule(bench->world, "dockercache", "registry-1.docker.io", THEIR "old-AbCdEf");
    ecr_world_lose_secret(bench->world, THEIR "old-AbCdEf");
    pass(bench);
    assert_all(bench, UPSTREAM_READY);
    ecr_world_credential(bench->world, "dockercache", arn, sizeof(arn));
    assert_string_equal(arn, THEIR "dockerio-AbCdEf");
    assert_int_equal(ecr_world_calls(bench->world, "UpdatePullThroughCacheRule"), 1);
}

static void assert_taken(const struct bench *bench)
{
    assert_all(bench, UPSTREAM_READY);
    assert_int_equal(bench->report.statuses[3].n_taken, 1);
    assert_string_equal(bench->report.statuses[3].taken[0].path, "org");
    assert_string_equal(bench->report.statuses[3].taken[0].reason,
                        "the rule \"quaycache/org\" takes them from public.ecr.aws");
    assert_int_equal(bench->report.statuses[0].n_taken, 0);
}

/* What was seen below a prefix is remembered while ECR can't be looked at. */
static void test_a_rule_below_is_remembered(void **state)
{
    struct bench *bench = *state;

    ecr_world_add_rule(bench->world, "quaycache/org", "public.ecr.aws", "");
    pass(bench);
    assert_taken(bench);
    assert_true(is_noted(bench, "images of quay.io below \"org\" are left alone"));
    ecr_world_break(bench->world, true);
    for (int i = 0; i < 3; i++) {
        (void)calls_of_pass(bench, INTERVAL_S);
        assert_taken(bench);
        reconcile_configure(bench->reconcile, bench->config);
    }
    ecr_world_break(bench->world, false);
    (void)calls_of_pass(bench, INTERVAL_S);
    assert_taken(bench);
    reconcile_report_carry(&bench->report, bench->config, bench->config);
    assert_taken(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_outage_of_an_upstream_turns_nothing_off,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_refused_credential_counts_minutes_later,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_new_rule_with_a_wrong_credential,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_one_refusal_between_logins_counts_for_nothing,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_credential_that_worked_is_refused,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_command_tells_what_it_saw, reconcile_bench_start,
                                        reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_credential_of_somebody_else_stays,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_credential_whose_secret_is_gone_is_exchanged,
                                        reconcile_bench_start, reconcile_bench_stop),
        cmocka_unit_test_setup_teardown(test_a_rule_below_is_remembered, reconcile_bench_start,
                                        reconcile_bench_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
