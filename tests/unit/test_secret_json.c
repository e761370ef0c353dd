#include "pullthrough/core/aws/secret_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_texts_by_path(void **state)
{
    static const struct {
        const char *json, *path;
        int want;
        const char *text; /* or the reason */
    } rows[] = {
        {"{\"a\":\"x\"}", "a", 0, "x"},
        {"{\"a\":\"\"}", "a", 0, ""},
        {"{\"a\":\"q\\\"\\u20ac\\n\"}", "a", 0, "q\"\xe2\x82\xac\n"},
        {"{\"a\":{\"b\":[{\"c\":\"x\"},{\"c\":\"y\"}]}}", "a/b/1/c", 0, "y"},
        {"{\"a\":null}", "a", SECRET_JSON_ABSENT, ""},
        {"{}", "a", SECRET_JSON_ABSENT, ""},
        {"{\"a\":\"x\"}", "a/b", SECRET_JSON_ABSENT, ""},
        {"{\"a\":[]}", "a/0", SECRET_JSON_ABSENT, ""},
        {"{\"a\":[\"x\"]}", "a/x", SECRET_JSON_ABSENT, ""},
        {"{\"A\":\"x\"}", "a", SECRET_JSON_ABSENT, ""},
        {"{\"a\":1}", "a", -1, "a is not a string"},
        {"{\"a\":[\"hush\"]}", "a", -1, "a is not a string"},
        {"{\"a\":\"hush\",\"a\":\"hush\"}", "a", -1, "a is there twice"},
        {"{\"a\":null,\"a\":\"hush\"}", "a", -1, "a is there twice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SECRET_JSON_CLEANUP struct secret_json *json = NULL;
        struct error error = {""};
        struct slice text;

        assert_int_equal(secret_json_parse(&json, slice_str(rows[i].json), &error), 0);
        assert_int_equal(secret_json_text(json, rows[i].path, &text, &error), rows[i].want);
        if (rows[i].want < 0)
            assert_string_equal(error.text, rows[i].text);
        else
            assert_true(slice_is(text, rows[i].text));
    }
}

static void test_malformed(void **state)
{
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"", "malformed JSON at byte 0"},
        {"{", "malformed JSON at byte"},
        {"{\"a\":\"hush}", "malformed JSON at byte"},
        {"{\"a\":\"hush\"} x", "malformed JSON at byte 13"},
        {"\"hush\"", "the JSON is not an object"},
        {"[]", "the JSON is not an object"},
        {"{\"a\":\"\xff\"}", "malformed JSON at byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SECRET_JSON_CLEANUP struct secret_json *json = NULL;
        struct error error = {""};

        assert_int_equal(secret_json_parse(&json, slice_str(rows[i].json), &error), -1);
        assert_null(json);
        if (!strstr(error.text, rows[i].why) || strstr(error.text, "hush"))
            fail_msg("%s: %s", rows[i].json, error.text);
    }
}

static void test_size_is_bounded(void **state)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    char *text = calloc(1, SECRET_JSON_MAX + 1);
    struct error error = {""};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', SECRET_JSON_MAX + 1);
    text[0] = '{';
    text[1] = '}';
    assert_int_equal(secret_json_parse(&json, slice_of(text, SECRET_JSON_MAX + 1), &error), -1);
    assert_string_equal(error.text, "the JSON has over 3145728 bytes");
    assert_int_equal(secret_json_parse(&json, slice_of(text, SECRET_JSON_MAX), &error), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_by_path),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_size_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
