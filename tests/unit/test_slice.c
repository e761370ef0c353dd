#include "pullthrough/core/base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_pieces(void **state)
{
    static const struct {
        const char *text, *piece, *rest;
    } rows[] = {
        {"", "", ""},        {"a", "a", ""},      {"a:", "a", ""},
        {":", "", ""},       {":a", "", "a"},     {"a:b", "a", "b"},
        {"a::b", "a", ":b"}, {"a:b:", "a", "b:"}, {"ab;c:d", "ab;c", "d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice rest = slice_str(rows[i].text), piece = slice_cut(&rest, ':');

        assert_true(slice_is(piece, rows[i].piece));
        assert_true(slice_is(rest, rows[i].rest));
        assert_ptr_equal(piece.ptr, rows[i].text);
    }
}

static void test_the_empty_slice_has_one_empty_piece(void **state)
{
    struct slice rest = {0}, piece;

    (void)state;
    piece = slice_cut(&rest, ':');
    assert_int_equal(piece.len, 0);
    assert_int_equal(rest.len, 0);
    assert_null(rest.ptr);
}

static void test_a_nul_is_a_byte(void **state)
{
    struct slice rest = slice_of("a\0b", 3);

    (void)state;
    assert_true(slice_is(slice_cut(&rest, '\0'), "a"));
    assert_true(slice_is(rest, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_the_empty_slice_has_one_empty_piece),
        cmocka_unit_test(test_a_nul_is_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
