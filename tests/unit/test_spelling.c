#include "pullthrough/core/base/spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_distances(void **state)
{
    static const struct {
        const char *a, *b;
        size_t want;
    } rows[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "abc", 0},
        {"ABC", "abc", 0},
        {"abc", "abd", 1},
        {"abc", "ab", 1},
        {"abc", "abcd", 1},
        {"abc", "acb", 1},
        {"ab", "ba", 1},
        {"abcd", "badc", 2},
        {"ca", "abc", 3},
        {"kitten", "sitting", 3},
        {"max_body", "maxBody", 1},
        {"lvele", "level", 2},
        {"!", "abcdefghijklmnopqrstuvwxyz012345", 32},
        {"!", "abcdefghijklmnopqrstuvwxyz0123456", SPELLING_FAR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(spelling_distance(slice_str(rows[i].a), slice_str(rows[i].b)),
                         rows[i].want);
        assert_int_equal(spelling_distance(slice_str(rows[i].b), slice_str(rows[i].a)),
                         rows[i].want);
    }
}

static void test_slips(void **state)
{
    (void)state;
    assert_true(spelling_is_slip(slice_str("certfile"), slice_str("certFile")));
    assert_true(spelling_is_slip(slice_str("prefx"), slice_str("prefix")));
    assert_true(spelling_is_slip(slice_str("u"), slice_str("ur")));
    assert_false(spelling_is_slip(slice_str("tcp"), slice_str("url")));
    assert_false(spelling_is_slip(slice_str("metrics"), slice_str("registry")));
}

static void test_the_nearest_name(void **state)
{
    static const struct {
        const char *written, *names[3], *want;
    } rows[] = {
        {"prefx", {"registry", "prefix", "url"}, "prefix"},
        {"lst", {"list", "last", NULL}, "list"}, /* the first of two */
        {"applt", {"apples", "apply", NULL}, "apply"},
        {"apply", {"apply", "applyy", NULL}, "apply"},
        {"metrics", {"registry", "url", NULL}, NULL},
        {"", {"list", NULL, NULL}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spelling spelling = {.written = slice_str(rows[i].written)};

        for (size_t k = 0; k < 3 && rows[i].names[k]; k++)
            spelling_try(&spelling, rows[i].names[k]);
        if (rows[i].want)
            assert_string_equal(spelling.nearest, rows[i].want);
        else
            assert_null(spelling.nearest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_the_nearest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
