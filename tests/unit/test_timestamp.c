#include "pullthrough/core/base/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_rfc3339(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T12:00:00Z", 1795262400},
        {"2026-11-21t12:00:00z", 1795262400},
        {"2026-11-21 12:00:00Z", 1795262400},
        {"2026-11-21T12:00:00.999999999Z", 1795262400}, /* the Pod Identity agent's form */
        {"2026-11-21T12:00:00.1Z", 1795262400},
        {"2026-11-21T13:30:00+01:30", 1795262400},
        {"2026-11-21T04:00:00.5-08:00", 1795262400},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2000-02-29T23:59:59Z", 951868799},
        {"2016-12-31T23:59:60Z", 1483228800}, /* a leap second */
        {"9999-12-31T23:59:59Z", 253402300799},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error;
        int64_t got;

        if (timestamp_parse_rfc3339(slice_str(rows[i].text), &got, &error) < 0)
            fail_msg("%s", error.text);
        assert_int_equal(got, rows[i].want);
    }
}

static void test_rfc3339_refuses(void **state)
{
    static const char *rows[] = {
        "",
        "2026-11-21",
        "2026-11-21T12:00:00",
        "2026-11-21T12:00Z",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00+0100",
        "2026-11-21T12:00:00+24:00",
        "2026-11-21T12:00:00+01:60",
        "2026-11-21T12:00:00Z ",
        " 2026-11-21T12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:61Z",
        "1969-12-31T23:59:59Z",
        "20261121T120000Z",
        "+026-11-21T12:00:00Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};
        int64_t got = 42;

        if (timestamp_parse_rfc3339(slice_str(rows[i]), &got, &error) == 0)
            fail_msg("%s was taken", rows[i]);
        assert_non_null(strstr(error.text, "is not an RFC 3339 time"));
        assert_int_equal(got, 42);
    }
}

static void test_http_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"Sat, 21 Nov 2026 12:00:00 GMT", 1795262400},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* RFC 9110's own */
        {"Sun, 06 Nov 1994 08:49:37 UTC", -1},
        {"Sunday, 06-Nov-94 08:49:37 GMT", -1},
        {"Sun Nov  6 08:49:37 1994", -1},
        {"Sun, 06 nov 1994 08:49:37 GMT", -1},
        {"Sun, 31 Nov 1994 08:49:37 GMT", -1},
        {"Sun", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};
        int64_t got = -1;

        assert_int_equal(timestamp_parse_http(slice_str(rows[i].text), &got, &error),
                         rows[i].want < 0 ? -1 : 0);
        assert_int_equal(got, rows[i].want);
        if (rows[i].want < 0)
            assert_non_null(strstr(error.text, "is not an HTTP date"));
    }
}

/* Every 13 hours and 17 minutes for 200 years, beside the C library. */
static void test_printing_agrees_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t at = 0; at < INT64_C(200) * 365 * 86400; at += 47820) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(100);
        char ours[TIMESTAMP_BASIC_BYTES], theirs[TIMESTAMP_BASIC_BYTES], rfc3339[30];
        time_t seconds = (time_t)at;
        struct tm fields;

        timestamp_print_basic(at, ours);
        assert_non_null(gmtime_r(&seconds, &fields));
        assert_int_equal(strftime(theirs, sizeof(theirs), "%Y%m%dT%H%M%SZ", &fields), 16);
        assert_string_equal(ours, theirs);
        timestamp_print_rfc3339(&out, at);
        assert_int_equal(strftime(rfc3339, sizeof(rfc3339), "%Y-%m-%dT%H:%M:%SZ", &fields), 20);
        assert_string_equal(strbuf_str(&out), rfc3339);
    }
}

static void test_printing_stays_in_range(void **state)
{
    char text[TIMESTAMP_BASIC_BYTES];

    (void)state;
    timestamp_print_basic(-5, text);
    assert_string_equal(text, "19700101T000000Z");
    timestamp_print_basic(INT64_MAX, text);
    assert_string_equal(text, "99991231T235959Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_rfc3339_refuses),
        cmocka_unit_test(test_http_dates),
        cmocka_unit_test(test_printing_agrees_with_the_c_library),
        cmocka_unit_test(test_printing_stays_in_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
