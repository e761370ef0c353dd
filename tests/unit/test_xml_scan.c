#include "core/aws/xml_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_texts(void **state)
{
    static const struct {
        const char *document, *path, *want; /* NULL: absent */
    } rows[] = {
        {"<a>x</a>", "a", "x"},
        {"<a><b>x</b></a>", "a/b", "x"},
        {"<a><b>x</b><c>y</c></a>", "a/c", "y"},
        {"<a><c><b>no</b></c><b>x</b></a>", "a/b", "x"},
        {"<a><b>no</b><c><b>x</b></c></a>", "a/c/b", "x"},
        {"<a><b/></a>", "a/b", ""},
        {"<a><b></b></a>", "a/b", ""},
        {"<a><bb>no</bb></a>", "a/b", NULL},
        {"<a><b>x</b></a>", "a/b/c", NULL},
        {"<a><b>x</b></a>", "b", NULL},
        {"<a b='c' d=\"e>f\" ><b  x='1'>x</b ></a>\n", "a/b", "x"},
        {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>x</a>", "a", "x"},
        {"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x20ac;&#128051;&#xe9;</a>", "a",
         "<>&\"'AB\xe2\x82\xac\xf0\x9f\x90\xb3\xc3\xa9"},
        {"<a>\n  <b> x y </b>\n</a>", "a/b", " x y "},
        {"<ErrorResponse "
         "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Code>Throttling"
         "</Code></Error></ErrorResponse>",
         "ErrorResponse/Error/Code", "Throttling"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(100);
        struct error error = {""};
        int got = xml_scan_text(slice_str(rows[i].document), rows[i].path, &text, &error);

        if (got != (rows[i].want ? 0 : XML_SCAN_ABSENT))
            fail_msg("%s: %d %s", rows[i].document, got, error.text);
        assert_string_equal(strbuf_str(&text), rows[i].want ? rows[i].want : "");
    }
}

static void test_malformed(void **state)
{
    static const char *rows[][2] = {
        {"", "ends too soon"},
        {"  ", "ends too soon"},
        {"<a>", "ends too soon"},
        {"<a><b>x</b>", "ends too soon"},
        {"x<a/>", "text outside"},
        {"<a/>x", "text outside"},
        {"<a/><b/>", "more than one root"},
        {"<a><b>x</a></b>", "does not match"},
        {"</a>", "does not match"},
        {"<a></a", "does not match"},
        {"<a", "broken tag"},
        {"<", "broken tag"},
        {"< a/>", "broken tag"},
        {"<a b></a>", "broken tag"},
        {"<a b=c></a>", "broken tag"},
        {"<a b='c></a>", "broken attribute"},
        {"<a b='<'></a>", "broken attribute"},
        {"<a b='c'd='e'></a>", "broken tag"},
        {"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "broken tag"},
        {"<a><![CDATA[x]]></a>", "broken tag"},
        {"<a><!-- x --></a>", "broken tag"},
        {"<a><?php x ?></a>", "broken tag"},
        {"<?xml version='1.0'><a/>", "broken declaration"},
        {"<?xml version='1.0'", "broken declaration"},
        {"<a>&x;</a>", "unknown entity"},
        {"<a>&</a>", "broken entity"},
        {"<a>&amp</a>", "broken entity"},
        {"<a>&;</a>", "unknown entity"},
        {"<a>&#0;</a>", "unknown entity"},
        {"<a>&#xd800;</a>", "unknown entity"},
        {"<a>&#x110000;</a>", "unknown entity"},
        {"<a>&#1;</a>", "unknown entity"},
        {"<a>&#12a;</a>", "unknown entity"},
        {"<a>&#;</a>", "unknown entity"},
        {"<a>\x01</a>", "control character"},
        {"<r><w>x</w><w>y</w></r>", "an element twice"},
        {"<r><w><v>x</v></w></r>", "an element where text should be"},
        {"<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", "levels deep"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(100);
        struct error error = {""};

        if (xml_scan_text(slice_str(rows[i][0]), "r/w", &text, &error) != -1)
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(error.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], error.text);
    }
}

static void test_bounds(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(3);
    struct error error = {""};

    (void)state;
    assert_int_equal(xml_scan_text(slice_str("<a>1234</a>"), "a", &text, &error), -1);
    assert_string_equal(error.text, "an XML text is too long");
    strbuf_clear(&text);
    assert_int_equal(xml_scan_text(slice_of("<a>\0</a>", 8), "a", &text, &error), -1);
    assert_string_equal(error.text, "malformed XML: a control character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
