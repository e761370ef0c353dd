#include "pullthrough/core/aws/aws_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_what_is_set_is_kept(void **state)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error;

    (void)state;
    assert_int_equal(
        aws_keys_set(&keys, slice_str("ASIA1"), slice_str("s/e+c="), slice_str("tok"), &error), 0);
    assert_string_equal(keys.id, "ASIA1");
    assert_string_equal(keys.secret, "s/e+c=");
    assert_string_equal(keys.token, "tok");
    assert_string_equal(keys.account, "");
    assert_true(keys.expires_s == AWS_KEYS_NEVER);
    aws_keys_set_account(&keys, slice_str("111122223333"));
    assert_string_equal(keys.account, "111122223333");
    aws_keys_set_account(&keys, slice_str("1111"));
    assert_string_equal(keys.account, "");
}

static void test_refusals_name_the_part_and_not_the_value(void **state)
{
    static const struct {
        const char *id, *secret, *token, *why;
    } rows[] = {
        {"", "hush", "", "access key id is empty"},
        {"AKID", "", "", "secret access key is empty"},
        {"AK ID", "hush", "", "access key id contains a byte"},
        {"AKID", "hush\n", "", "secret access key contains a line break"},
        {"AKID", "hush", "hush\r\nX-Evil: 1", "session token contains a line break"},
        {"AKID", "hush", "hush\xc3\xa9", "session token contains a byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AWS_KEYS_CLEANUP struct aws_keys keys;
        struct error error = {""};

        assert_int_equal(aws_keys_set(&keys, slice_str(rows[i].id), slice_str(rows[i].secret),
                                      slice_str(rows[i].token), &error),
                         -1);
        if (!strstr(error.text, rows[i].why) || strstr(error.text, "hush"))
            fail_msg("%s", error.text);
    }
}

static void test_lengths(void **state)
{
    static char long_text[AWS_KEYS_TOKEN_MAX + 2];
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct error error = {""};

    (void)state;
    memset(long_text, 'x', AWS_KEYS_TOKEN_MAX + 1);
    assert_int_equal(aws_keys_set(&keys, slice_str("A"), slice_str("s"),
                                  slice_of(long_text, AWS_KEYS_TOKEN_MAX), &error),
                     0);
    assert_int_equal(aws_keys_set(&keys, slice_str("A"), slice_str("s"),
                                  slice_of(long_text, AWS_KEYS_TOKEN_MAX + 1), &error),
                     -1);
    assert_string_equal(error.text, "the session token has over 16384 bytes");
    assert_int_equal(aws_keys_set(&keys, slice_of(long_text, AWS_KEYS_ID_MAX + 1), slice_str("s"),
                                  slice_str(""), &error),
                     -1);
    assert_int_equal(
        aws_keys_set(&keys, slice_str("A"), slice_of(long_text, 257), slice_str(""), &error), -1);
}

static void test_wiping_leaves_zeros(void **state)
{
    struct aws_keys keys;
    struct error error;
    const unsigned char *bytes = (const unsigned char *)&keys;

    (void)state;
    memset(&keys, 0x5a, sizeof(keys));
    assert_int_equal(aws_keys_set(&keys, slice_str("A"), slice_str("s"), slice_str("t"), &error),
                     0);
    aws_keys_wipe(&keys);
    for (size_t i = 0; i < sizeof(keys); i++)
        assert_int_equal(bytes[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_set_is_kept),
        cmocka_unit_test(test_refusals_name_the_part_and_not_the_value),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_wiping_leaves_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
