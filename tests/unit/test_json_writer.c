#include "pullthrough/core/json/json_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096 };

static void add_items(struct json_writer *json)
{
    json_add_array(json, "none");
    json_end(json);
    json_add_object(json, "empty");
    json_end(json);
    json_add_array(json, "items");
    json_add_number(json, NULL, UINT64_MAX);
    json_add_bool(json, NULL, false);
    json_add_object(json, NULL);
    json_add_text(json, "a \"b\"", "tab\there");
    json_add_given(json, "left out", "");
    json_add_given(json, "left out", NULL);
    json_add_given(json, "given", "x");
    json_end(json);
    json_add_text(json, NULL, NULL);
    json_end(json);
    json_add_slice(json, "part", slice_of("partial", 4));
    strbuf_add_str(json_add(json, "own"), "1.5");
    json_add_bool(json, "last", true);
}

/* A terminal may obey what is no ASCII, too: it is there in other words. */
static void test_nothing_steers_a_terminal(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct json_writer json = json_begin(&out, false);

    (void)state;
    json_add_text(&json, "a",
                  "\x7f\xc2\x9b[31m \u202e\u202c\U000e0041 \"\\ caf\u00e9 \U0001f600 \xff\x1b");
    json_add_slice(&json, "b", slice_str("\u2066x\u2069"));
    json_end(&json);
    assert_string_equal(
        strbuf_str(&out),
        "{\"a\":\"\\u007f\\u009b[31m \\u202e\\u202c\\udb40\\udc41 \\\"\\\\ caf\u00e9 \U0001f600 "
        "\xef\xbf\xbd\\u001b\",\"b\":\"\\u2066x\\u2069\"}");
}

static void test_a_document_that_is_too_long(void **state)
{
    (void)state;
    for (size_t ceiling = 1; ceiling < 20; ceiling++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(ceiling);
        struct json_writer json = json_begin(&out, false);

        json_add_text(&json, "a", "caf\u00e9\u202e\U0001f600\u202c");
        json_end(&json);
        assert_true(strbuf_overflowed(&out));
    }
}

static void test_compact(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct json_writer json = json_begin(&out, false);

    (void)state;
    add_items(&json);
    json_end(&json);
    assert_string_equal(strbuf_str(&out),
                        "{\"none\":[],\"empty\":{},\"items\":[18446744073709551615,false,"
                        "{\"a \\\"b\\\"\":\"tab\\there\",\"given\":\"x\"},null],"
                        "\"part\":\"part\",\"own\":1.5,\"last\":true}");
}

static void test_spaced(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct json_writer json = json_begin(&out, true);

    (void)state;
    add_items(&json);
    json_end(&json);
    assert_string_equal(strbuf_str(&out),
                        "{\"none\": [], \"empty\": {}, \"items\": [18446744073709551615, false, "
                        "{\"a \\\"b\\\"\": \"tab\\there\", \"given\": \"x\"}, null], "
                        "\"part\": \"part\", \"own\": 1.5, \"last\": true}");
}

static void test_lines(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct json_writer json = json_begin(&out, true);

    (void)state;
    json_add_text(&json, "a", "");
    json_add_line(&json, 2);
    json_add_array(&json, "b");
    for (unsigned i = 0; i < 2; i++) {
        json_add_line(&json, 4);
        json_add_number(&json, NULL, i);
    }
    json_add_line(&json, 2);
    json_end(&json);
    json_add_line(&json, 0);
    json_end(&json);
    assert_string_equal(strbuf_str(&out), "{\"a\": \"\",\n  \"b\": [\n    0,\n    1\n  ]\n}");
}

static void test_all_that_is_open_ends(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct json_writer json = {.out = &out};

    (void)state;
    json_add_array(&json, NULL);
    json_add_object(&json, NULL);
    json_add_array(&json, "a");
    json_add_array(&json, NULL);
    json_end_all(&json);
    json_end_all(&json);
    assert_string_equal(strbuf_str(&out), "[{\"a\":[[]]}]");
}

static void test_indented(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {"{}", "{}"},
        {"[]", "[]"},
        {"1", "1"},
        {"{\"a\":[]}", "{\n  \"a\": []\n}"},
        {"[1,{\"a\":null,\"b\":[true]},[[]]]", "[\n  1,\n  {\n    \"a\": null,\n    \"b\": [\n     "
                                               " true\n    ]\n  },\n  [\n    []\n  ]\n]"},
        /* what looks like more of it inside a string isn't */
        {"{\"a,{\":\"\\\\\",\"b\":\"\\\"}:[\"}",
         "{\n  \"a,{\": \"\\\\\",\n  \"b\": \"\\\"}:[\"\n}"},
        {"\"open", "\"open"},
        {"\"open\\", "\"open\\"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);

        json_print_indented(&out, slice_str(rows[i].text));
        assert_string_equal(strbuf_str(&out), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_steers_a_terminal),
        cmocka_unit_test(test_a_document_that_is_too_long),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_indented),
        cmocka_unit_test(test_spaced),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_all_that_is_open_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
