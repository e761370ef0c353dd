#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_appends_within_the_ceiling(void **state)
{
    STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(16);

    (void)state;
    strbuf_add_str(&buf, "abc");
    strbuf_add_u64(&buf, 0);
    strbuf_add_u64(&buf, UINT32_MAX);
    strbuf_add_format(&buf, "%c%d", '-', 7);
    assert_string_equal(strbuf_str(&buf), "abc04294967295-7");
    assert_false(strbuf_overflowed(&buf));
}

static void test_overflow_is_remembered_and_appends_nothing(void **state)
{
    STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(4);

    (void)state;
    strbuf_add_str(&buf, "abc");
    strbuf_add_str(&buf, "de");
    assert_true(strbuf_overflowed(&buf));
    strbuf_add_str(&buf, "f");
    assert_string_equal(strbuf_str(&buf), "abc");
    strbuf_clear(&buf);
    strbuf_add_str(&buf, "de");
    assert_false(strbuf_overflowed(&buf));
    assert_string_equal(strbuf_str(&buf), "de");
}

static void test_json_strings(void **state)
{
    static const struct {
        const char *in;
        size_t len;
        const char *want;
    } rows[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\r\t\x01\x1f", 5, "\"\\n\\r\\t\\u0001\\u001f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xc3\xa9\xe2\x98\x83\xf0\x9f\x90\xb3", 9, "\"\xc3\xa9\xe2\x98\x83\xf0\x9f\x90\xb3\""},
        {"\xc3", 1, "\"\xef\xbf\xbd\""}, /* cut short */
        {"\xff"
         "a",
         2,
         "\"\xef\xbf\xbd"
         "a\""},                                                         /* never a first byte */
        {"\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\x7f", 1, "\"\x7f\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(100);

        strbuf_add_json(&buf, slice_of(rows[i].in, rows[i].len));
        assert_string_equal(strbuf_str(&buf), rows[i].want);
    }
}

static void test_json_of_no_text(void **state)
{
    STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(100);

    (void)state;
    strbuf_add_json(&buf, slice_of(NULL, 0)); /* UBSan of clang sees NULL + 0, gcc's doesn't */
    assert_string_equal(strbuf_str(&buf), "\"\"");
}

/* RFC 4648, section 10 */
static void test_base64(void **state)
{
    static const char *rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
        {"twelve bytes", "dHdlbHZlIGJ5dGVz"},
        {"thirteen byte", "dGhpcnRlZW4gYnl0ZQ=="},
        {"fourteen bytes", "Zm91cnRlZW4gYnl0ZXM="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(100);

        strbuf_add_base64(&buf, slice_str(rows[i][0]));
        assert_string_equal(strbuf_str(&buf), rows[i][1]);
    }
}

static void test_detach_moves_the_text_out(void **state)
{
    struct strbuf buf = STRBUF_INIT(10);
    char *text;

    (void)state;
    strbuf_add_str(&buf, "moved");
    text = strbuf_detach(&buf);
    assert_string_equal(text, "moved");
    assert_int_equal(buf.len, 0);
    assert_null(buf.ptr);
    free(text);
    text = strbuf_detach(&buf);
    assert_string_equal(text, "");
    free(text);
}

static void test_secret_buffers_wipe_what_they_drop(void **state)
{
    STRBUF_CLEANUP struct strbuf buf = STRBUF_SECRET_INIT(10000);
    char *text;

    (void)state;
    for (int i = 0; i < 1000; i++)
        strbuf_add_str(&buf, "hush");
    assert_int_equal(buf.len, 4000);
    assert_memory_equal(buf.ptr + 3992, "hushhush", 9);
    strbuf_truncate(&buf, 4);
    assert_string_equal(strbuf_str(&buf), "hush");
    for (size_t i = 4; i < buf.size; i++)
        assert_int_equal(buf.ptr[i], 0);
    strbuf_clear(&buf);
    for (size_t i = 0; i < buf.size; i++)
        assert_int_equal(buf.ptr[i], 0);
    text = strbuf_detach(&buf);
    free(text);
    assert_true(buf.secret);
}

/* As the text that it is, and as what is read out of a string that it stands in. */
static void test_json_inside_json(void **state)
{
    static const struct {
        const char *text, *inside;
        size_t bytes; /* of the inner text */
    } rows[] = {
        {"", "", 0},
        {"nginx:1.27", "nginx:1.27", 10},
        {"a\"b", "a\\\\\\\"b", 4},
        {"\\", "\\\\\\\\", 2},
        {"\n\x01", "\\\\n\\\\u0001", 8},
        {"\xc3\xa9\xff", "\xc3\xa9\xef\xbf\xbd", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(100), inner = STRBUF_INIT(100);
        STRBUF_CLEANUP struct strbuf outer = STRBUF_INIT(100);

        assert_int_equal(strbuf_add_json_inside(&buf, slice_str(rows[i].text)), rows[i].bytes);
        assert_string_equal(strbuf_str(&buf), rows[i].inside);
        strbuf_add_json(&inner, slice_str(rows[i].text));
        assert_int_equal(inner.len, rows[i].bytes + 2);
        strbuf_add_json(&outer, slice_of(inner.ptr + 1, inner.len - 2));
        assert_true(slice_equal(slice_of(outer.ptr + 1, outer.len - 2), strbuf_slice(&buf)));
    }
}

static void test_base64_in_place(void **state)
{
    char bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(1000), want = STRBUF_INIT(1000);

        strbuf_add_str(&buf, "before");
        strbuf_add(&buf, bytes, len);
        strbuf_encode_base64(&buf, 6);
        strbuf_add_str(&want, "before");
        strbuf_add_base64(&want, slice_of(bytes, len));
        assert_string_equal(strbuf_str(&buf), strbuf_str(&want));
        strbuf_clear(&buf);
        buf.ceiling = want.len - 1;
        strbuf_add_str(&buf, "before");
        strbuf_add(&buf, bytes, len);
        strbuf_encode_base64(&buf, 6);
        assert_int_equal(strbuf_overflowed(&buf), len > 0);
    }
}

static void test_reserve_allocates_once(void **state)
{
    STRBUF_CLEANUP struct strbuf buf = STRBUF_INIT(100000);
    const char *there;

    (void)state;
    strbuf_reserve(&buf, 5000);
    there = buf.ptr;
    for (size_t i = 0; i < 5000; i++)
        strbuf_add_char(&buf, 'x');
    assert_ptr_equal(buf.ptr, there);
    assert_int_equal(buf.size, 5001);
    strbuf_reserve(&buf, 1000000);
    assert_int_equal(buf.size, 100001);
    assert_false(strbuf_overflowed(&buf));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_within_the_ceiling),
        cmocka_unit_test(test_overflow_is_remembered_and_appends_nothing),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_json_of_no_text),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_json_inside_json),
        cmocka_unit_test(test_base64_in_place),
        cmocka_unit_test(test_reserve_allocates_once),
        cmocka_unit_test(test_detach_moves_the_text_out),
        cmocka_unit_test(test_secret_buffers_wipe_what_they_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
