#include "pullthrough/core/base/error.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_what_steers_a_terminal_is_masked(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"plain, Zürich 東京 \U0001f433", "plain, Zürich 東京 \U0001f433"},
        {"\x1b[31m\n\x7f", "?[31m??"},
        {"\xc2\x9b"
         "31m\xc2\x80\xc2\x9f",
         "?31m??"}, /* C1: CSI in one character */
        {"\u00a0\u00ff", "\u00a0\u00ff"},
        {"a\u2028b\u2029c", "a?b?c"}, /* they break a line */
        {"\x9b\xff\xc3", "???"},      /* not UTF-8 */
        {"\xe6\x9d", "??"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error;

        assert_int_equal(error_set(&error, "%s", rows[i].text), -1);
        assert_string_equal(error.text, rows[i].want);
    }
}

static void test_a_prefix(void **state)
{
    struct error error;

    (void)state;
    (void)error_set(&error, "gone");
    assert_int_equal(error_prefix(&error, "%s", "the file\xc2\x9b"), -1);
    assert_string_equal(error.text, "the file?: gone");
    assert_int_equal(error_set(NULL, "x") + error_prefix(NULL, "x"), -2);
}

/* Wherever in a character it is cut. */
static void test_a_text_that_is_too_long_is_still_utf8(void **state)
{
    (void)state;
    for (int spaces = 0; spaces < 4; spaces++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(2 * ERROR_TEXT_BYTES);
        struct error error;
        size_t length;

        for (int i = 0; i < spaces; i++)
            strbuf_add_char(&text, ' ');
        while (text.len < ERROR_TEXT_BYTES)
            strbuf_add_str(&text, "\U0001f433");
        (void)error_set(&error, "%s", strbuf_str(&text));
        assert_true(strlen(error.text) > ERROR_TEXT_BYTES - 8);
        for (const char *at = error.text; *at; at += length) {
            length = utf8_length(at, strlen(at));
            assert_true(length > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_steers_a_terminal_is_masked),
        cmocka_unit_test(test_a_prefix),
        cmocka_unit_test(test_a_text_that_is_too_long_is_still_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
