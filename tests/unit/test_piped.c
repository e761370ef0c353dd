/* Programs whose output is read as it comes, and how they end. */
#include "pullthrough/edge/sys/piped.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int start(struct piped *piped, const char *script, struct error *error)
{
    const char *words[] = {"sh", "-c", script, NULL};

    return piped_start(piped, (char *const *)words, error);
}

static void test_output_and_end(void **state)
{
    static const struct {
        const char *script, *output, *reason;
        int want;
    } rows[] = {
        {"echo a; echo b >&2; echo c", "a\nc\n", "", 0},
        {"echo a; exit 3", "a\n", "ended with status 3", PIPED_FAILED},
        {"kill -9 $$", "", "was ended by signal 9", -1},
        {"cat <&0 >/dev/null 2>&1; echo still", "still\n", "", 0}, /* it has our standard input */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        struct error error = {""};
        struct piped piped;

        assert_int_equal(start(&piped, rows[i].script, &error), 0);
        assert_int_equal(file_read_fd(piped.fd, "it", &out, &error), 0);
        assert_int_equal(piped_end(&piped, &error), rows[i].want);
        assert_string_equal(strbuf_str(&out), rows[i].output);
        assert_string_equal(error.text, rows[i].reason);
    }
}

/* Who isn't read from any more ends by that, and is waited for. */
static void test_nobody_reads_to_the_end(void **state)
{
    struct error error = {""};
    struct piped piped;

    (void)state;
    assert_int_equal(start(&piped, "exec yes", &error), 0);
    assert_int_equal(piped_end(&piped, &error), -1);
    assert_string_equal(error.text, "was ended by signal 13");
}

static void test_there_is_no_such_program(void **state)
{
    const char *words[] = {"a-program-that-is-not-there", NULL}, *folder[] = {"/", NULL};
    struct error error = {""};
    struct piped piped;

    (void)state;
    assert_int_equal(piped_start(&piped, (char *const *)words, &error), PIPED_ABSENT);
    assert_string_equal(error.text, "a-program-that-is-not-there: No such file or directory");
    assert_int_equal(piped_start(&piped, (char *const *)folder, &error), -1);
    assert_string_equal(error.text, "/: Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_end),
        cmocka_unit_test(test_nobody_reads_to_the_end),
        cmocka_unit_test(test_there_is_no_such_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
