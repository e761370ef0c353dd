/*
 * Ends a test program whose tests failed at once. cmocka leaves a failing test by longjmp(), so
 * what it held is never freed, and LeakSanitizer's report of that would bury the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
int __real__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests,
                                   CMFixtureFunction set_up, CMFixtureFunction tear_down);
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests,
                                   CMFixtureFunction set_up, CMFixtureFunction tear_down);

int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t n_tests,
                                   CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
    if (__real__cmocka_run_group_tests(name, tests, n_tests, set_up, tear_down)) {
        (void)fflush(NULL);
        _exit(1);
    }
    return 0;
}
/* NOLINTEND(bugprone-reserved-identifier) */
