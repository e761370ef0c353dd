/*
 * What is remembered of an upstream from pass to pass, in simulated time: when a refused credential
 * counts, when it is to be tried, what a new configuration keeps.
 */
#include "app/reconcile/reconcile_history.h"
#include "pullthrough/core/base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONFIRM_MS = 5000, TRIES_MAX = 3 };

/* What ECR says of a credential: all is well, it is refused, the upstream is away. */
enum { GOOD = 1, REFUSED, AWAY };

struct
try {
    const char *arn; /* NULL: no more tries */
    int said;        /* the text of a failure is "refused at 5000"; 0: it wasn't tried */
    uint64_t at_ms;
    bool given; /* the rule got this credential just before */
};

static void try_all(struct reconcile_history *history, const struct try *tries)
{
    for (size_t i = 0; i < TRIES_MAX && tries[i].arn; i++) {
        const struct try *try = &tries[i];
        STRBUF_CLEANUP struct strbuf failure = STRBUF_INIT(100);
        struct ecr_validation validation = {
            .valid = try->said == GOOD,
            .about = try->said == REFUSED ? ECR_FAILURE_CREDENTIAL : ECR_FAILURE_UPSTREAM,
        };

        strbuf_add_format(&failure, "%s at %u", try->said == REFUSED ? "refused" : "away",
                          (unsigned)try->at_ms);
        validation.failure = validation.valid ? NULL : strbuf_str(&failure);
        if (try->given)
            reconcile_history_given(history, try->arn);
        if (try->said)
            reconcile_history_tried(history, try->arn, &validation, CONFIRM_MS, try->at_ms);
    }
}

static void assert_text(const char *got, const char *want)
{
    if (want && got)
        assert_string_equal(got, want);
    else
        assert_ptr_equal(got, want);
}

static void test_when_a_refusal_counts(void **state)
{
    static const struct {
        const char *name;
        struct try tries[TRIES_MAX];
        enum reconcile_validity validity; /* of credential "a" */
        const char *problem, *doubt;
    } rows[] = {
        {"nothing was tried", {{0}}, RECONCILE_NOT_VALIDATED, NULL, NULL},
        {"it works", {{"a", GOOD, 0, false}}, RECONCILE_VALID, NULL, NULL},
        {"one refusal may be an ill registry's",
         {{"a", REFUSED, 0, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "refused at 0"},
        {"one after it worked takes nothing away",
         {{"a", GOOD, 0, false}, {"a", REFUSED, 9000, false}},
         RECONCILE_VALID,
         NULL,
         "refused at 9000"},
        {"two too close together",
         {{"a", REFUSED, 1000, false}, {"a", REFUSED, 5999, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "refused at 5999"},
        {"two far enough apart",
         {{"a", REFUSED, 1000, false}, {"a", REFUSED, 6000, false}},
         RECONCILE_INVALID,
         "refused at 6000",
         NULL},
        {"the first of them counts, not the last but one",
         {{"a", REFUSED, 1000, false}, {"a", REFUSED, 4000, false}, {"a", REFUSED, 6000, false}},
         RECONCILE_INVALID,
         "refused at 6000",
         NULL},
        {"two with success between them",
         {{"a", REFUSED, 1000, false}, {"a", GOOD, 3000, false}, {"a", REFUSED, 9000, false}},
         RECONCILE_VALID,
         NULL,
         "refused at 9000"},
        {"two with another failure between them",
         {{"a", REFUSED, 1000, false}, {"a", AWAY, 3000, false}, {"a", REFUSED, 6000, false}},
         RECONCILE_INVALID,
         "refused at 6000",
         NULL},
        {"the upstream is away for long",
         {{"a", AWAY, 0, false}, {"a", AWAY, 90000, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "away at 90000"},
        {"a refusal after another failure",
         {{"a", AWAY, 1000, false}, {"a", REFUSED, 6000, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "refused at 6000"},
        {"a new one is refused at once",
         {{"a", REFUSED, 0, true}},
         RECONCILE_INVALID,
         "refused at 0",
         NULL},
        {"a new one, while the upstream is away",
         {{"a", AWAY, 0, true}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "away at 0"},
        {"a new one that worked is no longer new",
         {{"a", GOOD, 0, true}, {"a", REFUSED, 9000, false}},
         RECONCILE_VALID,
         NULL,
         "refused at 9000"},
        {"an invalid one is refused again, soon",
         {{"a", REFUSED, 0, true}, {"a", REFUSED, 1, false}},
         RECONCILE_INVALID,
         "refused at 1",
         NULL},
        {"an invalid one is refused again, soon, and is no longer the newest",
         {{"a", REFUSED, 0, true}, {"b", 0, 0, true}, {"a", REFUSED, 1, false}},
         RECONCILE_INVALID,
         "refused at 1",
         NULL},
        {"an invalid one, while the upstream is away",
         {{"a", REFUSED, 0, true}, {"a", AWAY, 1, false}},
         RECONCILE_INVALID,
         "refused at 0",
         "away at 1"},
        {"an invalid one works",
         {{"a", REFUSED, 0, true}, {"a", GOOD, 1, false}},
         RECONCILE_VALID,
         "refused at 0",
         NULL},
        {"another's refusal isn't the first of two",
         {{"b", REFUSED, 0, false}, {"a", REFUSED, 9000, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "refused at 9000"},
        {"another's being new doesn't count",
         {{"b", GOOD, 0, false}, {"b", AWAY, 0, true}, {"a", REFUSED, 9000, false}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         "refused at 9000"},
        {"what is known is of another one",
         {{"a", GOOD, 0, false}, {"b", REFUSED, 0, true}},
         RECONCILE_NOT_VALIDATED,
         NULL,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reconcile_history history = {0};
        struct reconcile_observation seen;

        try_all(&history, rows[i].tries);
        seen = reconcile_history_observation(&history, "a", false, 90000);
        if (seen.validity != rows[i].validity)
            fail_msg("%s: validity %d", rows[i].name, seen.validity);
        assert_text(seen.validity_problem, rows[i].problem);
        assert_text(seen.doubt, rows[i].doubt);
        reconcile_history_fini(&history);
    }
}

static void test_when_a_credential_is_due(void **state)
{
    static const struct {
        struct try tries[TRIES_MAX];
        const char *arn;
        uint64_t every_ms, now_ms;
        bool want;
    } rows[] = {
        {{{0}}, "a", 1000, 0, true},
        {{{0}}, "a", 0, 0, false},
        {{{"a", GOOD, 100, false}}, "a", 1000, 100, false},
        {{{"a", GOOD, 100, false}}, "a", 1000, 1099, false},
        {{{"a", GOOD, 100, false}}, "a", 1000, 1100, true},
        {{{"a", GOOD, 100, false}}, "a", 0, 1100, false},
        {{{"a", GOOD, 100, false}}, "b", 1000, 100, true},
        {{{"a", GOOD, 100, false}, {"a", AWAY, 200, false}}, "a", 1000, 200, true},
        {{{"a", REFUSED, 100, true}}, "a", 1000, 100, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reconcile_history history = {0};

        try_all(&history, rows[i].tries);
        if (reconcile_history_is_due(&history, rows[i].arn, rows[i].every_ms, rows[i].now_ms) !=
            rows[i].want)
            fail_msg("row %zu: due is not %d", i, rows[i].want);
        reconcile_history_fini(&history);
    }
}

static void test_failed_writes(void **state)
{
    const struct aws_error denied = {.class = AWS_ERROR_ACCESS_DENIED};
    struct reconcile_history history = {0};
    struct reconcile_attempt attempt;

    (void)state;
    reconcile_history_failed(&history, &denied, "forbidden", 1000);
    attempt = reconcile_history_observation(&history, "", false, 62999).attempt;
    assert_true(attempt.failed && attempt.answered);
    assert_int_equal(attempt.class, AWS_ERROR_ACCESS_DENIED);
    assert_string_equal(attempt.problem, "forbidden");
    assert_int_equal(attempt.age_s, 61);

    reconcile_history_failed(&history, NULL, "no answer", 2000);
    attempt = reconcile_history_observation(&history, "", false, 2000).attempt;
    assert_true(attempt.failed && !attempt.answered);
    assert_int_equal(attempt.class, AWS_ERROR_TRANSIENT);
    assert_string_equal(attempt.problem, "no answer");
    assert_int_equal(attempt.age_s, 0);

    reconcile_history_done(&history);
    assert_false(reconcile_history_observation(&history, "", false, 2000).attempt.failed);
    reconcile_history_failed(&history, &denied, "forbidden", 3000);
    reconcile_history_given(&history, "a");
    assert_false(reconcile_history_observation(&history, "", false, 3000).attempt.failed);
    reconcile_history_fini(&history);
}

/* The state stays, and a new credential stays new; what works is tried anew, and the secrets that
 * the old configuration named are not looked at by the new one's word. */
static void test_what_a_new_configuration_keeps(void **state)
{
    const struct upstream_status ready = {
        .state = UPSTREAM_READY, .rewrite = true, .reason = "all is well", .since_s = 7};
    struct reconcile_history old = {.secret = RECONCILE_SECRET_FOUND, .looked = true}, new = {0};
    struct reconcile_observation seen;

    (void)state;
    alloc_replace(&old.secret_arn, "named");
    upstream_status_set(&old.before, &ready);
    try_all(&old, (struct try[TRIES_MAX]){{"a", GOOD, 100, false}});
    reconcile_history_given(&old, "b");
    reconcile_history_carry(&new, &old);
    reconcile_history_fini(&old);

    seen = reconcile_history_observation(&new, "a", true, 100);
    assert_int_equal(seen.before.state, UPSTREAM_READY);
    assert_string_equal(seen.before.reason, "all is well");
    assert_int_equal(seen.validity, RECONCILE_VALID);
    assert_true(seen.validation_due);
    assert_int_equal(seen.secret, RECONCILE_SECRET_NOT_LOOKED);
    assert_null(seen.secret_arn);
    assert_true(reconcile_history_is_due(&new, "a", 1000, 100));
    try_all(&new, (struct try[TRIES_MAX]){{"b", REFUSED, 200, false}});
    assert_int_equal(reconcile_history_observation(&new, "b", false, 200).validity,
                     RECONCILE_INVALID);

    reconcile_history_carry(&old, &new);
    reconcile_history_fini(&new);
    try_all(&old, (struct try[TRIES_MAX]){{"b", GOOD, 300, false}});
    assert_false(reconcile_history_is_due(&old, "b", 1000, 300));
    reconcile_history_fini(&old);
}

static void test_the_rules_own_secret(void **state)
{
    struct reconcile_history history = {.rule_secret = RECONCILE_SECRET_ABSENT};
    struct reconcile_observation seen = reconcile_history_observation(&history, "a", false, 0);

    (void)state;
    assert_int_equal(seen.rule_secret, RECONCILE_SECRET_NOT_LOOKED);
    alloc_replace(&history.rule_secret_arn, "a");
    seen = reconcile_history_observation(&history, "a", false, 0);
    assert_int_equal(seen.rule_secret, RECONCILE_SECRET_ABSENT);
    seen = reconcile_history_observation(&history, "b", false, 0);
    assert_int_equal(seen.rule_secret, RECONCILE_SECRET_NOT_LOOKED);
    reconcile_history_fini(&history);
}

static void test_whether_an_upstream_is_the_same(void **state)
{
#define GHCR "{registry: ghcr.io, prefix: cache, secret: ecr-pullthroughcache/a"
    static const char base[] = "upstreams: [" GHCR "}]";
    static const struct {
        const char *yaml;
        bool want;
    } rows[] = {
        {base, true},
        {"reconcile: {interval: 1h}\nupstreams: [{registry: ghcr.io, prefix: cache,"
         " secret: ecr-pullthroughcache/b, aliases: [mirror.example]}]",
         true},
        {"upstreams: [" GHCR ", enabled: false}]", false},
        {"upstreams: [{registry: ghcr.io, prefix: other}]", false},
        {"upstreams: [{registry: quay.io, prefix: cache}]", false},
        {"registry: {account: \"111122223333\"}\nupstreams: [" GHCR "}]", false},
        {"registry: {region: eu-west-1}\nupstreams: [" GHCR "}]", false},
        {"aws: {endpoint: {ecr: \"https://ecr.example\"}}\nupstreams: [" GHCR "}]", false},
    };
#undef GHCR

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CONFIG_CLEANUP const struct config *a = NULL, *b = NULL;
        struct error error = {""};

        if (config_parse(&a, slice_str(base), &error) ||
            config_parse(&b, slice_str(rows[i].yaml), &error))
            fail_msg("row %zu: %s", i, error.text);
        if (reconcile_is_same(a, 0, b, 0) != rows[i].want ||
            reconcile_is_same(b, 0, a, 0) != rows[i].want)
            fail_msg("row %zu: same is not %d", i, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_a_refusal_counts),
        cmocka_unit_test(test_when_a_credential_is_due),
        cmocka_unit_test(test_failed_writes),
        cmocka_unit_test(test_what_a_new_configuration_keeps),
        cmocka_unit_test(test_the_rules_own_secret),
        cmocka_unit_test(test_whether_an_upstream_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
