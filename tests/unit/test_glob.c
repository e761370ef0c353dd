#include "pullthrough/core/image/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"auto", "auto", true},
        {"auto", "auto:1", false},
        {"auto", "Auto", false},
        {"*", "", true},
        {"*", "a/b", true},
        {"?", "", false},
        {"?", "/", true},
        {"ghcr.io/org/*", "ghcr.io/org/team/app", true},
        {"ghcr.io/org/*", "ghcr.io/organ/app", false},
        {"*/app", "ghcr.io/org/app", true},
        {"*/app", "ghcr.io/org/app2", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"a**c", "abc", true},
        {"[ab]", "a", false},
        {"[ab]", "[ab]", true},
        {"*?", "", false},
        {"?*?", "ab", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool got = glob_match(slice_str(rows[i].pattern), slice_str(rows[i].text));

        if (got != rows[i].want)
            fail_msg("\"%s\" against \"%s\": %d", rows[i].pattern, rows[i].text, got);
    }
}

/* Patterns that make backtracking matchers exponential end at once here. */
static void test_hostile_pattern_is_quick(void **state)
{
    char text[5001];
    char pattern[1001];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = 'b';
    assert_false(glob_match(slice_of(pattern, sizeof(pattern)), slice_of(text, sizeof(text))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_hostile_pattern_is_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
