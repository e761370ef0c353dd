#include "pullthrough/core/base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 4648, section 10, and bytes that need every character. */
static void test_texts(void **state)
{
    static const struct {
        const char *text, *want;
        size_t len;
    } rows[] = {
        {"", "", 0},
        {"Zg==", "f", 1},
        {"Zm8=", "fo", 2},
        {"Zm9v", "foo", 3},
        {"Zm9vYg==", "foob", 4},
        {"Zm9vYmE=", "fooba", 5},
        {"Zm9vYmFy", "foobar", 6},
        {"+/+/", "\xfb\xff\xbf", 3},
        {"AAAA", "\0\0\0", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        struct error error = {""};

        assert_int_equal(base64_decode(&out, slice_str(rows[i].text), &error), 0);
        assert_true(slice_equal(strbuf_slice(&out), slice_of(rows[i].want, rows[i].len)));
    }
}

static void test_what_is_none(void **state)
{
    static const char *const rows[] = {
        "Z",     "Zg",       "Zg=",    "Zg===", "Zh==", "Zm9=",     "=",    "====", "Z===",
        "Zg==A", "Zg==Zg==", "Zm9v\n", "Zm 9v", "Zm-_", "Zm9v====", "=m9v", "Zm=v",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        struct error error = {""};

        strbuf_add_str(&out, "before");
        assert_int_equal(base64_decode(&out, slice_str(rows[i]), &error), -1);
        assert_string_equal(error.text, "no base64");
        assert_string_equal(strbuf_str(&out), "before");
    }
}

static void test_the_ceiling(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(5);
    struct error error = {""};

    (void)state;
    assert_int_equal(base64_decode(&out, slice_str("Zm9vYmE="), &error), 0);
    strbuf_clear(&out);
    assert_int_equal(base64_decode(&out, slice_str("Zm9vYmFy"), &error), -1);
    assert_string_equal(error.text, "over 5 bytes");
    assert_int_equal(out.len, 0);
}

/* Whatever strbuf_add_base64() writes comes back. */
static void test_both_directions(void **state)
{
    char bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1000);
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

        strbuf_add_base64(&text, slice_of(bytes, len));
        assert_int_equal(base64_decode(&out, strbuf_slice(&text), NULL), 0);
        assert_true(slice_equal(strbuf_slice(&out), slice_of(bytes, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_the_ceiling),
        cmocka_unit_test(test_both_directions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
