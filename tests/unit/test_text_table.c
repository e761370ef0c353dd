#include "app/cli/text_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const headings[] = {"ONE", "TWO"};
static const struct text_look piped = {.width = TEXT_WIDTH},
                              terminal = {.terminal = true, .width = TEXT_WIDTH},
                              narrow = {.terminal = true, .width = 40},
                              colours = {.terminal = true, .colour = true, .width = TEXT_WIDTH};

static struct text_table *make_table(void)
{
    struct text_table *table = text_table_new(headings, 2);

    text_table_add(table, slice_str("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), TEXT_GREEN);
    text_table_add(table, slice_str(""), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("x"), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("long"), TEXT_RED);
    return table;
}

static void check_print(const struct text_table *table, struct text_look look, const char *want)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

    text_table_print(table, look, &out);
    assert_string_equal(strbuf_str(&out), want);
}

static void test_columns(void **state)
{
    struct text_table *table = make_table();

    (void)state;
    check_print(table, piped, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\t-\nx\tlong\n");
    check_print(table, terminal, "ONE   TWO\n\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9  -\nx     long\n");
    check_print(table, colours,
                "ONE   TWO\n\033[32m\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\033[0m  -\n"
                "x     \033[31mlong\033[0m\n");
    text_table_free(table);
}

/* Nothing is cut: what doesn't fit has lines of its own. */
static void test_a_narrow_terminal(void **state)
{
    static const char *const three[] = {"NAME", "RULE FOR", "REASON"};
    static const char digits[] = "0123456789012345678901234567890123456789";
    struct text_table *table = text_table_new(three, 3);

    (void)state;
    text_table_add(table, slice_str("a"), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("quay.io"), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("a reason that is longer than forty columns are"),
                   TEXT_NO_COLOUR);
    text_table_add(table, slice_str(digits), TEXT_NO_COLOUR);
    text_table_add(table, slice_str(""), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("short"), TEXT_NO_COLOUR);
    text_table_fold(table, 1u << 1 | 1u << 2);
    check_print(table, narrow,
                "NAME\na\n    rule for: quay.io\n    a reason that is longer than forty\n"
                "    columns are\n0123456789012345678901234567890123456789\n    short\n");
    text_table_fold(table, 1u << 2);
    check_print(table, narrow,
                "NAME                            RULE FOR\n"
                "a                               quay.io\n"
                "    a reason that is longer than forty\n    columns are\n"
                "0123456789012345678901234567890123456789\n"
                "                                -\n    short\n");
    text_table_free(table);
}

static void test_a_row_that_is_not_whole_is_not_shown(void **state)
{
    struct text_table *table = text_table_new(headings, 2);

    (void)state;
    check_print(table, terminal, "");
    text_table_add(table, slice_str("a"), TEXT_NO_COLOUR);
    check_print(table, terminal, "");
    text_table_add(table, slice_str("b"), TEXT_NO_COLOUR);
    text_table_add(table, slice_str("c"), TEXT_NO_COLOUR);
    check_print(table, piped, "a\tb\n");
    text_table_free(table);
}

static void test_nothing_steers_a_terminal(void **state)
{
    static const char *rows[][2] = {
        {"plain \xf0\x9f\x90\xb3 \xc2\xa0", "plain \xf0\x9f\x90\xb3 \xc2\xa0"},
        {"a\tb\nc\rd\033[2J\x7f", "a?b?c?d?[2J?"},
        {"\xc2\x85\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9|", "????|"},
        /* seen in another order, or not at all */
        {"a\u202eb\u202c\u2066c\u2069\u200bd\ufeff", "a?b??c??d?"},
        {"\xff\xc3|\xed\xa0\x80", "??|???"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

        text_add_printable(&out, slice_str(rows[i][0]));
        assert_string_equal(strbuf_str(&out), rows[i][1]);
    }
}

static void test_a_cell_that_is_cut_says_so(void **state)
{
    enum { MOST = 64 * 1024 };
    struct text_table *table = text_table_new(headings, 2);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(3 * MOST);
    char *large = malloc(MOST + 1);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', MOST + 1);
    text_table_add(table, slice_of(large, MOST), TEXT_NO_COLOUR);
    text_table_add(table, slice_of(large, MOST + 1), TEXT_NO_COLOUR);
    text_table_print(table, piped, &out);
    assert_int_equal(out.len, MOST + 1 + MOST + 3 + 1);
    assert_int_equal(out.ptr[MOST], '\t');
    assert_string_equal(out.ptr + out.len - 5, "x\xe2\x80\xa6\n");
    text_table_free(table);
    free(large);
}

static void test_bytes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0 B"},           {1023, "1023 B"},
                {1024, "1.0 KiB"},    {4509715661, "4.2 GiB"},
                {1048576, "1.0 MiB"}, {UINT64_MAX, "16.0 EiB"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);

        text_add_bytes(&out, rows[i].bytes);
        assert_string_equal(strbuf_str(&out), rows[i].text);
    }
}

/* In columns, and a word that is longer than a line stays whole. */
static void test_wrapped_lines(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000), text = STRBUF_INIT(1000);

    (void)state;
    for (int i = 0; i < 11; i++)
        strbuf_add_str(&text, i ? " \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" : "words:");
    strbuf_add_format(&text, " %090d end", 0);
    text_add_wrapped(&out, strbuf_slice(&text), 4, 2);
    for (struct slice rest = strbuf_slice(&out); rest.len;) {
        struct slice line = slice_cut(&rest, '\n');

        assert_true(text_width(line) <= TEXT_WIDTH || text_width(line) == 92);
    }
    assert_int_equal(text_width(slice_of(out.ptr, slice_find(strbuf_slice(&out), '\n'))), 76);
    assert_true(slice_ends_with(strbuf_slice(&out), slice_str("0\n  end\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_a_narrow_terminal),
        cmocka_unit_test(test_a_row_that_is_not_whole_is_not_shown),
        cmocka_unit_test(test_nothing_steers_a_terminal),
        cmocka_unit_test(test_a_cell_that_is_cut_says_so),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_wrapped_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
