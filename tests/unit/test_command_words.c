#include "pullthrough/core/aws/command_words.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What Python's shlex.split() makes of them; words with a "|" between. */
static void test_words(void **state)
{
    static const char *const rows[][2] = {
        {"/bin/tool", "/bin/tool|"},
        {"  a  b\tc\r\nd ", "a|b|c|d|"},
        {"a \"b c\" 'd e'", "a|b c|d e|"},
        {"a'b'\"c\"d", "abcd|"},
        {"a \"\" ''", "a|||"},
        {"a \"q\\\"q\" \"b\\\\b\" \"n\\n\"", "a|q\"q|b\\b|n\\n|"},
        {"a 'b\\c'", "a|b\\c|"},
        {"a b\\ c \\\"d", "a|b c|\"d|"},
        {"a #b ;c $HOME ~ `d` *", "a|#b|;c|$HOME|~|`d`|*|"},
        {"sh -c 'x | y'", "sh|-c|x | y|"},
        {"a \\\n b", "a|\n|b|"},
        {"\xc3\xa4 b", "\xc3\xa4|b|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        COMMAND_WORDS_CLEANUP struct command_words words;
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(1000);
        struct error error = {""};

        if (command_words_split(&words, slice_str(rows[i][0]), &error) < 0)
            fail_msg("%s: %s", rows[i][0], error.text);
        for (size_t n = 0; n < words.n; n++)
            strbuf_add_format(&got, "%s|", words.words[n]);
        assert_string_equal(strbuf_str(&got), rows[i][1]);
        assert_null(words.words[words.n]);
    }
}

static void test_what_is_refused(void **state)
{
    static char longest[COMMAND_WORDS_BYTES_MAX + 2], many[2 * COMMAND_WORDS_MAX + 2];
    const char *const rows[][2] = {
        {"", "it names no program"},
        {" \t", "it names no program"},
        {"'' hush", "it names no program"},
        {"a 'hush", "a quote has no end"},
        {"a \"hush", "a quote has no end"},
        {"a \"hush\\\"", "a quote has no end"},
        {"a hush\\", "it ends in a backslash"},
        {longest, "it has over 65536 bytes"},
        {many, "it has over 1000 words"},
    };

    (void)state;
    memset(longest, 'a', sizeof(longest) - 1);
    for (size_t i = 0; i + 1 < sizeof(many); i++)
        many[i] = i % 2 ? ' ' : 'a';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        COMMAND_WORDS_CLEANUP struct command_words words;
        struct error error = {""};

        assert_int_equal(command_words_split(&words, slice_str(rows[i][0]), &error), -1);
        assert_string_equal(error.text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
