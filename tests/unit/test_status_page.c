/*
 * What /readyz decides, by its facts. That it asks for them is seen in tests/it/test_serve*.py.
 */
#include "app/serve/status_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_readiness(void **state)
{
    static const char drained[] = "draining\n", bare[] = "no certificate loaded\n",
                      early[] = "ECR was not looked at yet\n",
                      unlisted[] = "ECR's images were not listed yet\n";
    static const struct {
        struct status_page_facts facts;
        const char *want; /* NULL: ready */
    } rows[] = {
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_NOTHING, .up_ms = 0}, NULL},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_PASS, .up_ms = 0}, early},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_PASS, .up_ms = 4999}, early},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_PASS, .up_ms = 5000}, NULL},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_LISTING, .up_ms = 0}, unlisted},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_LISTING, .up_ms = 19999}, unlisted},
        {{.certificate = true, .awaits = SNAPSHOT_AWAITS_LISTING, .up_ms = 20000}, NULL},
        {{.certificate = false, .awaits = SNAPSHOT_AWAITS_NOTHING, .up_ms = 60000}, bare},
        {{.certificate = false, .awaits = SNAPSHOT_AWAITS_LISTING, .up_ms = 0}, bare},
        {{.draining = true, .certificate = true, .up_ms = 60000}, drained},
        {{.draining = true, .certificate = false, .awaits = SNAPSHOT_AWAITS_PASS}, drained},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = status_page_unready(&rows[i].facts);

        if (got && rows[i].want)
            assert_string_equal(got, rows[i].want);
        else if (got || rows[i].want)
            fail_msg("row %zu: %s", i, got ? got : "ready");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readiness)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
