#include "pullthrough/core/rules/upstream_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#define TAKEN_AS_READY "taken as ready, since rewrite.requireRule is false"
#define NOT_ASKED      "ECR has not been asked yet"

/* The circumstances of a row. */
enum { ASKS = 1, REQUIRES = 2, HOST = 4, PASSED = 8, DISABLED = 16 };

static void test_a_status_is_decided_once(void **state)
{
    static const struct upstream_taken taken = {"library", "somebody else's rule"};
    static const struct upstream_status none,
        ready = {.state = UPSTREAM_READY, .reason = "seen"},
        missing = {.state = UPSTREAM_MISSING, .reason = "no rule", .taken = &taken, .n_taken = 1};
    static const struct {
        unsigned circumstances;
        const struct upstream_status *seen;
        const char *problem, *reason;
        enum upstream_state state;
        bool rewrite, waits;
    } rows[] = {
        {ASKS | REQUIRES | HOST | PASSED, &ready, "", "seen", UPSTREAM_READY, true, false},
        {ASKS | HOST | PASSED, &ready, "", "seen", UPSTREAM_READY, true, false},
        {ASKS | REQUIRES | HOST | PASSED, &missing, "", "no rule", UPSTREAM_MISSING, false, false},
        {ASKS | HOST | PASSED, &missing, "", "no rule", UPSTREAM_MISSING, true, false},
        /* a host that isn't known stops whatever is ready */
        {ASKS | REQUIRES | PASSED, &ready, "", "seen", UPSTREAM_READY, false, false},
        {ASKS | PASSED, &missing, "", "no rule", UPSTREAM_MISSING, false, false},
        /* before the first pass */
        {ASKS | REQUIRES | HOST, &none, "", NOT_ASKED, UPSTREAM_UNKNOWN, false, true},
        {ASKS | REQUIRES, &none, "", NOT_ASKED, UPSTREAM_UNKNOWN, false, true},
        {ASKS | HOST, &none, "", NOT_ASKED, UPSTREAM_UNKNOWN, true, false},
        {ASKS, &none, "", NOT_ASKED, UPSTREAM_UNKNOWN, false, true},
        /* a pass that found out nothing; and one of before this upstream was configured */
        {ASKS | REQUIRES | HOST | PASSED, &none, "no keys", "no keys", UPSTREAM_UNKNOWN, false,
         false},
        {ASKS | REQUIRES | HOST | PASSED, &none, "", NOT_ASKED, UPSTREAM_UNKNOWN, false, false},
        {ASKS | REQUIRES | HOST | PASSED, &ready, "no keys", "seen", UPSTREAM_READY, true, false},
        /* nobody asks: the operator's word, whatever was seen before */
        {HOST, &none, "", TAKEN_AS_READY, UPSTREAM_READY, true, false},
        {HOST, &missing, "", TAKEN_AS_READY, UPSTREAM_READY, true, false},
        {0, &none, "", "the registry's host name is not known", UPSTREAM_UNKNOWN, false, false},
        /* switched off: first of all */
        {ASKS | REQUIRES | HOST | PASSED | DISABLED, &ready, "", UPSTREAM_DISABLED_REASON,
         UPSTREAM_DISABLED, false, false},
        {ASKS | REQUIRES | DISABLED, &none, "no keys", UPSTREAM_DISABLED_REASON, UPSTREAM_DISABLED,
         false, false},
        {HOST | DISABLED, &none, "", UPSTREAM_DISABLED_REASON, UPSTREAM_DISABLED, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct upstream_circumstances circumstances = {
            .asks_ecr = rows[i].circumstances & ASKS,
            .requires_rule = rows[i].circumstances & REQUIRES,
            .host_known = rows[i].circumstances & HOST,
            .passed = rows[i].circumstances & PASSED,
            .problem = rows[i].problem,
        };
        struct upstream_status got = upstream_status_decide(
            &circumstances, !(rows[i].circumstances & DISABLED), rows[i].seen);

        if (got.state != rows[i].state || strcmp(got.reason, rows[i].reason) != 0 ||
            got.rewrite != rows[i].rewrite || got.waits != rows[i].waits)
            fail_msg("row %zu: %s, %s%s: %s", i, upstream_state_name(got.state),
                     got.rewrite ? "rewritten" : "not rewritten", got.waits ? ", waits" : "",
                     got.reason);
        assert_int_equal(got.n_taken, rows[i].seen->n_taken);
        assert_ptr_equal(got.taken, rows[i].seen->taken);
    }
}

static void test_a_state_alone(void **state)
{
    (void)state;
    for (unsigned s = UPSTREAM_UNKNOWN; s <= UPSTREAM_DISABLED; s++) {
        assert_int_equal(upstream_state_allows(s, true), s == UPSTREAM_READY);
        assert_int_equal(upstream_state_allows(s, false), s != UPSTREAM_DISABLED);
    }
}

static void test_since_counts_from_the_change_of_state(void **state)
{
    struct upstream_status status = {0};
    char reason[] = "first";
    struct upstream_status from = {.state = UPSTREAM_UNKNOWN, .reason = reason};

    (void)state;
    assert_true(upstream_status_follow(&status, &from, 100)); /* nothing was said of it yet */
    reason[0] = 'F';
    assert_string_equal(status.reason, "first");
    assert_false(upstream_status_follow(&status, &from, 200));
    assert_string_equal(status.reason, "First");
    assert_int_equal(status.since_s, 100);
    from.state = UPSTREAM_READY;
    assert_true(upstream_status_follow(&status, &from, 300));
    assert_int_equal(status.since_s, 300);
    upstream_status_fini(&status);
    assert_null(status.reason);
}

/* As a pass that saw nothing judges by what it remembers. */
static void test_a_status_that_borrows_from_the_one_it_replaces(void **state)
{
    const struct upstream_taken taken[] = {{"org", "one"}, {"library", "other"}};
    const struct upstream_status from = {.reason = "why", .taken = taken, .n_taken = 2};
    struct upstream_status status = {0}, same;

    (void)state;
    upstream_status_set(&status, &from);
    same = status;
    upstream_status_set(&status, &same);
    assert_string_equal(status.reason, "why");
    assert_int_equal(status.n_taken, 2);
    assert_string_equal(status.taken[0].path, "org");
    assert_string_equal(status.taken[1].reason, "other");
    upstream_status_fini(&status);
}

static void test_the_advice_is_that_of_the_document(void **state)
{
    STRBUF_CLEANUP struct strbuf document = STRBUF_INIT(1024 * 1024);

    (void)state;
    assert_true(fixture_read(&document, "../../docs/aws.md"));
    for (int i = 0; i < UPSTREAM_STATE_COUNT; i++) {
        const enum upstream_state each = (enum upstream_state)i;
        const char *advice = upstream_state_advice(each), *row, *end;
        char begin[40];

        (void)snprintf(begin, sizeof(begin), "\n| `%s` | ", upstream_state_name(each));
        row = strstr(strbuf_str(&document), begin);
        assert_non_null(row);
        end = strchr(row + 1, '\n');
        assert_non_null(end);
        if (!advice)
            assert_non_null(memmem(row, (size_t)(end - row), "| nothing", 9));
        else if (!slice_ends_with(slice_of(row, (size_t)(end - row) - 2), slice_str(advice)))
            fail_msg("docs/aws.md: %.*s\n%s", (int)(end - row), row, advice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_status_is_decided_once),
        cmocka_unit_test(test_a_state_alone),
        cmocka_unit_test(test_the_advice_is_that_of_the_document),
        cmocka_unit_test(test_since_counts_from_the_change_of_state),
        cmocka_unit_test(test_a_status_that_borrows_from_the_one_it_replaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
