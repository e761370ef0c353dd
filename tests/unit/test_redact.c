#include "pullthrough/core/base/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct row {
    const char *text, *want;
};

static void test_what_may_be_secret(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"Could not resolve host: ecr.example", "Could not resolve host: ecr.example"},
        /* everything between the first "//" and the last "@" */
        {"http://user:pass@proxy:3128", "http://***@proxy:3128"},
        {"in 'http://user:p#ss@proxy'", "in 'http://***@proxy'"},
        {"in 'http://user:p/ss@proxy'", "in 'http://***@proxy'"},
        {"in 'http://user:p?ss@proxy'", "in 'http://***@proxy'"},
        {"in 'http://user:p@ss@proxy'", "in 'http://***@proxy'"},
        {"in 'http://user:p ss@proxy'", "in 'http://***@proxy'"},
        {"in 'http://user:p\"s@proxy'", "in 'http://***@proxy'"},
        {"http://a:b@c and http://d:e@f", "http://***@f"},
        {"//@", "//***@"},
        {"//a@", "//***@"},
        {"alpine@sha256:1 from https://h/", "alpine@sha256:1 from https://h/"},
        {"me@example", "me@example"},
        /* queries */
        {"GET https://h/p?X-Amz-Signature=abc HTTP", "GET https://h/p?*** HTTP"},
        {"https://h/p?a=b \"https://i?c\"", "https://h/p?*** \"https://i?***\""},
        {"what? https://h", "what? https://h"},
        {"a?b", "a?b"},
        /* tokens */
        {"Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"},
        {"basic YWJjZGVmZ2hpamts.", "basic ***"},
        {"Basic knowledge helps", "Basic knowledge helps"},
        {"the token 'eyJhbGciOiJub25lIn0.e30.' is bad", "the token '***' is bad"},
        {"eyJ", "eyJ"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

        redact_text(&out, slice_str(rows[i].text));
        assert_string_equal(strbuf_str(&out), rows[i].want);
    }
}

static void test_details(void **state)
{
    static const struct row rows[] = {
        {"", ""},
        {"User: arn:aws:sts::1:assumed-role/r/s is not authorized", "User: *** is not authorized"},
        {"on arn:aws:iam::1:role/a,b=c+d@e.", "on ***"},
        {"\"arn:aws-cn:iam::1:role/x\" is odd", "\"***\" is odd"},
        {"x=arn:aws:iam::1:role/x", "x=***"},
        {"Xarn:aws:iam::1:role/x", "X***"},
        {"learn: a lot", "learn: a lot"},
        {"arn: a lot", "arn: a lot"},
        {"the token: /var/run/token: No such file", "the token: ***: No such file"},
        {"(/a/b) '/c' =/d", "(***) '***' =***"},
        {"docker.io/library https://h/p a/b / //", "docker.io/library https://h/p a/b / //"},
        /* known ones keep their last part */
        {"/etc/p/config.yaml:3:5: is not a list", "config.yaml:3:5: is not a list"},
        {"key tls/tls.key: gone", "key tls.key: gone"},
        {"/etc/p/config.yaml.old", "config.yaml.old"},
        {"plain.yaml:1:1: x", "plain.yaml:1:1: x"},
    };
    const struct slice known[] = {slice_str("/etc/p/config.yaml"), slice_str(""),
                                  slice_str("tls/tls.key"), slice_str("plain.yaml")};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

        redact_details(&out, slice_str(rows[i].text), known, sizeof(known) / sizeof(known[0]));
        assert_string_equal(strbuf_str(&out), rows[i].want);
    }
}

static void test_users(void **state)
{
    (void)state;
    assert_true(redact_has_user(slice_str("http://user:p#ss@proxy")));
    assert_true(redact_has_user(slice_str("user@proxy")));
    assert_true(redact_has_user(slice_str("http://user:pass")));
    assert_true(redact_has_user(slice_str("user:pass")));
    assert_true(redact_has_user(slice_str("http://user:pass%40proxy:3128")));
    assert_true(redact_has_user(slice_str("http://user%3Apass")));
    assert_true(redact_has_user(slice_str("http://proxy/user")));
    assert_true(redact_has_user(slice_str("http://[pass]:1")));
    assert_true(redact_has_user(slice_str("http://[::1")));
    assert_false(redact_has_user(slice_str("http://proxy:3128")));
    assert_false(redact_has_user(slice_str("socks5://proxy.example:3128/")));
    assert_false(redact_has_user(slice_str("my_proxy-1")));
    assert_false(redact_has_user(slice_str("http://[fd00::1]:3128")));
    assert_false(redact_has_user(slice_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_may_be_secret),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
