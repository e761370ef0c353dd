#include "pullthrough/core/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_lengths(void **state)
{
    static const struct {
        const char *text;
        size_t want;
    } rows[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             /* a continuation */
        {"\xc2", 0},             /* cut short */
        {"\xe2\x98", 0},         /* cut short */
        {"\xe2\x98x", 0},        /* broken off */
        {"\xc1\xbf", 0},         /* overlong */
        {"\xe0\x9f\xbf", 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xff", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(utf8_length(rows[i].text, strlen(rows[i].text)), rows[i].want);
}

static void test_every_scalar_value_comes_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        size_t length;

        if (code == 0xd800)
            code = 0xe000;
        length = utf8_encode(bytes, code);
        if (utf8_length(bytes, length) != length)
            fail_msg("U+%04X", code);
    }
}

/* The last before and the first behind what isn't. */
static void test_what_may_go_to_a_terminal(void **state)
{
    static const struct {
        uint32_t first, last;
    } unprintable[] = {
        {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
    };
    const size_t n = sizeof(unprintable) / sizeof(unprintable[0]);
    size_t at = 0;

    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        bool want;

        if (code == 0xd800)
            code = 0xe000;
        while (at < n && code > unprintable[at].last)
            at++;
        want = at == n || code < unprintable[at].first;
        if (utf8_is_printable(bytes, utf8_encode(bytes, code)) != want)
            fail_msg("U+%04X", code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_every_scalar_value_comes_back),
        cmocka_unit_test(test_what_may_go_to_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
