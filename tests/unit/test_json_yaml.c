#include "pullthrough/core/json/json_yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096 };

static void check(const char *json, const char *want)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);

    assert_int_equal(json_yaml_print(&out, slice_str(json)), 0);
    assert_string_equal(strbuf_str(&out), want);
}

static void test_documents(void **state)
{
    (void)state;
    check("{}", "{}\n");
    check("[]", "[]\n");
    check("{\"a\":{},\"b\":[],\"c\":null,\"d\":true,\"e\":false,\"f\":12345678901234567890}",
          "a: {}\nb: []\nc: null\nd: true\ne: false\nf: 12345678901234567890\n");
    check("{\"a\":{\"b\":{\"c\":1}},\"d\":[1,2]}", "a:\n  b:\n    c: 1\nd:\n  - 1\n  - 2\n");
    check("[{\"a\":1,\"b\":[{\"c\":2},{}]},[],[[3],4]]",
          "- a: 1\n  b:\n    - c: 2\n    - {}\n- []\n-\n  -\n    - 3\n  - 4\n");
}

/* Whatever a reader would take for something else stands in quotes. */
static void test_texts(void **state)
{
    (void)state;
    check("{\"key\":\"nginx\",\"ecr:a b\":\"a:b\"}", "key: nginx\n\"ecr:a b\": \"a:b\"\n");
    check("[\"\",\"1\",\"1.2\",\"0x1\",\"1e3\",\"~\",\"-\",\"=\",\".5\",\".inf\",\"2026-11-29\"]",
          "- \"\"\n- \"1\"\n- \"1.2\"\n- \"0x1\"\n- \"1e3\"\n- \"~\"\n- \"-\"\n- \"=\"\n- \".5\"\n"
          "- \".inf\"\n- \"2026-11-29\"\n");
    check("[\"yes\",\"No\",\"ON\",\"off\",\"y\",\"N\",\"true\",\"Null\",\"yesterday\"]",
          "- \"yes\"\n- \"No\"\n- \"ON\"\n- \"off\"\n- \"y\"\n- \"N\"\n- \"true\"\n- \"Null\"\n"
          "- yesterday\n");
    check("[\"a#b\",\"a \",\"a\\\"b\\\\\",\"a\\nb\",\"\\u007f\",\"\xc3\xa9\",\"\\ud83d\\ude00\"]",
          "- \"a#b\"\n- \"a \"\n- \"a\\\"b\\\\\"\n- \"a\\u000ab\"\n- \"\\u007f\"\n- \"\\u00e9\"\n"
          "- \"\\U0001f600\"\n");
}

static void test_what_is_not_json(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);

    (void)state;
    assert_int_equal(json_yaml_print(&out, slice_str("{")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_is_not_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
