#include "pullthrough/core/config/config_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef int (*parse_fn)(struct slice text, uint64_t *value, struct error *error);

struct good {
    const char *text;
    uint64_t value;
    const char *printed; /* NULL: as written */
};

struct bad {
    const char *text, *want; /* want: the beginning of the reason */
};

static void assert_refused(parse_fn parse, const struct bad *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct error error = {""};
        uint64_t value;

        if (parse(slice_str(rows[i].text), &value, &error) != -1)
            fail_msg("%s was taken", rows[i].text);
        if (!slice_starts_with(slice_str(error.text), slice_str(rows[i].want)))
            fail_msg("%s: %s", rows[i].text, error.text);
    }
}

static void assert_taken(parse_fn parse, void (*print)(struct strbuf *, uint64_t),
                         const struct good *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        STRBUF_CLEANUP struct strbuf printed = STRBUF_INIT(100);
        struct error error = {""};
        uint64_t value = 1, again = 2;

        if (parse(slice_str(rows[i].text), &value, &error) != 0)
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_int_equal(value, rows[i].value);
        print(&printed, value);
        assert_string_equal(strbuf_str(&printed), rows[i].printed ? rows[i].printed : rows[i].text);
        assert_int_equal(parse(strbuf_slice(&printed), &again, &error), 0);
        assert_int_equal(again, value);
    }
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void test_durations(void **state)
{
    static const struct good good[] = {
        {"0", 0, "0s"},
        {"0ms", 0, "0s"},
        {"1ms", 1, NULL},
        {"1s", 1000, NULL},
        {"1m", 60000, NULL},
        {"1h", 3600000, NULL},
        {"1d", 86400000, NULL},
        {"1d2h3m4s5ms", 93784005, NULL},
        {"1m30s", 90000, NULL},
        {"90s", 90000, "1m30s"},
        {"1h0m05s", 3605000, "1h5s"},
        {"1500ms", 1500, "1s500ms"},
        {"36h", 129600000, "1d12h"},
        {"18446744073709551615ms", UINT64_MAX, "213503982334d14h25m51s615ms"},
    };
    static const struct bad bad[] = {
        {"", "wants a duration"},
        {"1", "wants a duration"},
        {"00", "wants a duration"},
        {"s", "wants a duration"},
        {"-1s", "wants a duration"},
        {"+1s", "wants a duration"},
        {"1.5s", "wants a duration"},
        {"1 s", "wants a duration"},
        {" 1s", "wants a duration"},
        {"1s ", "wants a duration"},
        {"1S", "wants a duration"},
        {"1min", "wants a duration"},
        {"1us", "wants a duration"},
        {"1w", "wants a duration"},
        {"1m30", "wants a duration"},
        {"1m-5s", "wants a duration"},
        {"30s1m", "the units"},
        {"1m1m", "the units"},
        {"1ms1s", "the units"},
        {"213503982335d", "the duration is too long"},
        {"18446744073709551616ms", "the duration is too long"},
        {"213503982334d14h25m51s616ms", "the duration is too long"},
    };

    (void)state;
    assert_taken(config_duration_parse, config_duration_print, good, COUNT(good));
    assert_refused(config_duration_parse, bad, COUNT(bad));
}

static void test_sizes(void **state)
{
    static const struct good good[] = {
        {"0", 0, "0B"},
        {"1", 1, "1B"},
        {"1023B", 1023, NULL},
        {"1024", 1024, "1KiB"},
        {"1KiB", 1024, NULL},
        {"1025B", 1025, NULL},
        {"8MiB", 8388608, NULL},
        {"8192KiB", 8388608, "8MiB"},
        {"3GiB", 3221225472, NULL},
        {"17179869183GiB", 18446744072635809792u, NULL},
        {"18446744073709551615", UINT64_MAX, "18446744073709551615B"},
    };
    static const struct bad bad[] = {
        {"", "wants a size"},
        {"B", "wants a size"},
        {"1K", "wants a size"},
        {"1KB", "wants a size"},
        {"1MB", "wants a size"},
        {"1Mi", "wants a size"},
        {"1mib", "wants a size"},
        {"1 MiB", "wants a size"},
        {"1TiB", "wants a size"},
        {"-1B", "wants a size"},
        {"1.5MiB", "wants a size"},
        {"1e3", "wants a size"},
        {"1MiB1KiB", "wants a size"},
        {"010", "a number must not"},
        {"17179869184GiB", "the size is too large"},
        {"18446744073709551616", "the number is too large"},
        {"18446744073709551616B", "the size is too large"},
    };

    (void)state;
    assert_taken(config_size_parse, config_size_print, good, COUNT(good));
    assert_refused(config_size_parse, bad, COUNT(bad));
}

static void test_counts(void **state)
{
    static const struct good good[] = {
        {"0", 0, NULL}, {"7", 7, NULL}, {"18446744073709551615", UINT64_MAX, NULL}};
    static const struct bad bad[] = {
        {"", "wants a whole"},
        {"-1", "wants a whole"},
        {"+1", "wants a whole"},
        {"0x1", "wants a whole"},
        {"1e3", "wants a whole"},
        {"1_000", "wants a whole"},
        {"1 ", "wants a whole"},
        {"00", "a number must"},
        {"01", "a number must"},
        {"18446744073709551616", "the number is too large"},
        {"184467440737095516150", "the number is too large"},
    };

    (void)state;
    assert_taken(config_count_parse, strbuf_add_u64, good, COUNT(good));
    assert_refused(config_count_parse, bad, COUNT(bad));
}

static void test_booleans(void **state)
{
    static const char *const bad[] = {"", "True", "TRUE", "yes", "on", "1", "0", "false ", "t"};
    struct error error;
    bool value;

    (void)state;
    assert_int_equal(config_bool_parse(slice_str("true"), &value, &error), 0);
    assert_true(value);
    assert_int_equal(config_bool_parse(slice_str("false"), &value, &error), 0);
    assert_false(value);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(config_bool_parse(slice_str(bad[i]), &value, &error), -1);
        assert_string_equal(error.text, "wants true or false");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_booleans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
