#include "pullthrough/core/aws/ecr_scanning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define FILTER(text) "{\"filter\":\"" text "\",\"filterType\":\"WILDCARD\"}"
#define RULE(frequency, filters)                                                                   \
    "{\"scanFrequency\":\"" frequency "\",\"repositoryFilters\":[" filters "]}"
#define CONFIGURATION(type, rules)                                                                 \
    "{\"registryId\":\"111122223333\",\"scanningConfiguration\":{\"scanType\":\"" type             \
    "\",\"rules\":[" rules "]}}"

static void test_our_prefix_is_added(void **state)
{
    static const struct {
        const char *before;
        int want;
        const char *after; /* or the reason */
    } rows[] = {
        {CONFIGURATION("BASIC", ""), 0,
         "{\"scanType\":\"ENHANCED\",\"rules\":[" RULE("SCAN_ON_PUSH", FILTER("quaycache/*")) "]}"},
        {CONFIGURATION("ENHANCED", RULE("CONTINUOUS_SCAN", FILTER("prod/*"))), 0,
         "{\"scanType\":\"ENHANCED\",\"rules\":[" RULE(
             "CONTINUOUS_SCAN", FILTER("prod/*")) "," RULE("SCAN_ON_PUSH",
                                                           FILTER("quaycache/*")) "]}"},
        {CONFIGURATION("ENHANCED", RULE("SCAN_ON_PUSH", FILTER("a") "," FILTER("b"))), 0,
         "{\"scanType\":\"ENHANCED\",\"rules\":[" RULE(
             "SCAN_ON_PUSH", FILTER("a") "," FILTER("b") "," FILTER("quaycache/*")) "]}"},
        {CONFIGURATION("BASIC", RULE("SCAN_ON_PUSH", FILTER("*"))), 0,
         "{\"scanType\":\"ENHANCED\",\"rules\":[" RULE("SCAN_ON_PUSH", FILTER("*")) "]}"},
        {CONFIGURATION("ENHANCED", RULE("SCAN_ON_PUSH", FILTER("quaycache/*"))),
         ECR_SCANNING_UNCHANGED, NULL},
        {CONFIGURATION("ENHANCED", RULE("CONTINUOUS_SCAN", FILTER("*"))), ECR_SCANNING_UNCHANGED,
         NULL},
        {CONFIGURATION("BASIC", RULE("MANUAL", FILTER("*"))), -1,
         "the registry has a rule for manual scanning, which ENHANCED does not know; change it by "
         "hand"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(10000);
        struct ecr_scanning scanning;
        struct error error = {""};

        arena_init(&arena, 1000);
        if (ecr_scanning_decode(&scanning, slice_str(rows[i].before), &arena, &error) < 0)
            fail_msg("%s: %s", rows[i].before, error.text);
        assert_int_equal(ecr_scanning_add(&scanning, "quaycache", &arena, &error), rows[i].want);
        ecr_scanning_encode(&out, &scanning);
        if (rows[i].want == 0)
            assert_string_equal(strbuf_str(&out), rows[i].after);
        else if (rows[i].want < 0)
            assert_string_equal(error.text, rows[i].after);
    }
}

static void test_no_room(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_scanning scanning = {.n_rules = 2};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    scanning.rules[0].frequency = scanning.rules[1].frequency = "CONTINUOUS_SCAN";
    assert_int_equal(ecr_scanning_add(&scanning, "a", &arena, &error), -1);
    assert_string_equal(error.text, "the registry has 2 scanning rules already");
    scanning.rules[1].frequency = "SCAN_ON_PUSH";
    scanning.rules[1].n_filters = ECR_SCANNING_FILTERS_MAX;
    for (size_t i = 0; i < ECR_SCANNING_FILTERS_MAX; i++)
        scanning.rules[1].filters[i] = "other";
    assert_int_equal(ecr_scanning_add(&scanning, "a", &arena, &error), -1);
    assert_string_equal(error.text, "the registry's scanning rule has 100 filters already");
}

static void test_what_cannot_be_written_back(void **state)
{
    static const char *rows[][2] = {
        {"{}", "scanningConfiguration: an item is not an object"},
        {"{\"scanningConfiguration\":{}}", "scanningConfiguration: scanType is missing"},
        {CONFIGURATION("SUPER", ""), "scanType SUPER is not known"},
        {CONFIGURATION("BASIC", RULE("MANUAL", "") "," RULE("MANUAL", "") "," RULE("MANUAL", "")),
         "scanningConfiguration: rules has over 2 items"},
        {CONFIGURATION("BASIC", RULE("MANUAL", "{\"filter\":\"a\",\"filterType\":\"REGEX\"}")),
         "rules[0]: repositoryFilters[0]: filterType REGEX is not known"},
        {CONFIGURATION("BASIC", "{}"), "rules[0]: scanFrequency is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_scanning scanning;
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(ecr_scanning_decode(&scanning, slice_str(rows[i][0]), &arena, &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_prefix_is_added),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_what_cannot_be_written_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
