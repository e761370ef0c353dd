#include "pullthrough/core/base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_parts(void **state)
{
    static const struct {
        const char *text, *host;
        enum url_host kind;
        unsigned port;
        const char *path, *header, *printed;
    } rows[] = {
        {"https://api.ecr.us-east-1.amazonaws.com", "api.ecr.us-east-1.amazonaws.com",
         URL_HOST_NAME, 443, "", "api.ecr.us-east-1.amazonaws.com",
         "https://api.ecr.us-east-1.amazonaws.com/"},
        {"http://127.0.0.1:4566/ecr", "127.0.0.1", URL_HOST_IPV4, 4566, "/ecr", "127.0.0.1:4566",
         "http://127.0.0.1:4566/ecr"},
        {"http://[fd00:ec2::23]/v1/credentials", "fd00:ec2::23", URL_HOST_IPV6, 80,
         "/v1/credentials", "[fd00:ec2::23]", "http://[fd00:ec2::23]/v1/credentials"},
        {"https://[::1]:8443/", "::1", URL_HOST_IPV6, 8443, "/", "[::1]:8443",
         "https://[::1]:8443/"},
        {"https://h:443/a?b=c&d", "h", URL_HOST_NAME, 443, "/a?b=c&d", "h", "https://h/a?b=c&d"},
        {"http://h:443/", "h", URL_HOST_NAME, 443, "/", "h:443", "http://h:443/"},
        {"https://aws_fake.test:1/", "aws_fake.test", URL_HOST_NAME, 1, "/", "aws_fake.test:1",
         "https://aws_fake.test:1/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf header = STRBUF_INIT(500);
        STRBUF_CLEANUP struct strbuf printed = STRBUF_INIT(500);
        struct error error;
        struct url url;

        if (url_parse(&url, slice_str(rows[i].text), &error) < 0)
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_int_equal(url.https, rows[i].text[4] == 's');
        assert_true(slice_is(url.host, rows[i].host));
        assert_int_equal(url.kind, rows[i].kind);
        assert_int_equal(url.port, rows[i].port);
        assert_true(slice_is(url.path, rows[i].path));
        url_print_host(&url, &header);
        assert_string_equal(strbuf_str(&header), rows[i].header);
        url_print(&url, &printed);
        assert_string_equal(strbuf_str(&printed), rows[i].printed);
    }
}

static void test_what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const char *rows[][2] = {
        {"", "begins neither"},
        {"ftp://h/", "begins neither"},
        {"HTTP://h/", "begins neither"},
        {"//h/", "begins neither"},
        {"http://", "0 or more"},
        {"http:///x", "0 or more"},
        {"http://:80/", "0 or more"},
        {"http://user@h/", "the URL has an @"},
        {"http://169.254.170.2@evil.io/", "the URL has an @"},
        {"http://h:80@evil.io/", "the URL has an @"},
        {"http://us/er:pass@h", "the URL has an @"},
        {"http://h/?a@b", "the URL has an @"},
        {"http://evil.io\\@169.254.170.2/", "the URL has an @"},
        {"http://h\\evil/", "not of a host name"},
        {"http://h%2e/", "not of a host name"},
        {"http://h\n/", "not of a host name"},
        {"http://127.1/", "neither a name nor an address"},
        {"http://0x7f000001/", "neither a name nor an address"},
        {"http://2130706433/", "neither a name nor an address"},
        {"http://127.0.0.0x1/", "neither a name nor an address"},
        {"http://0177.0.0.1/", "neither a name nor an address"},
        {"http://127.0.0.1./", "neither a name nor an address"},
        {"http://169.254.170.2.evil.0/", "neither a name nor an address"},
        {"http://[::1/", "no closing bracket"},
        {"http://[::1%25eth0]/", "not an IPv6 address"},
        {"http://[127.0.0.1]/", "not an IPv6 address"},
        {"http://[]/", "not an IPv6 address"},
        {"http://[::1]x/", "port is malformed"},
        {"http://h:/", "port is malformed"},
        {"http://h:8x/", "port is malformed"},
        {"http://h:0/", "not in 1..65535"},
        {"http://h:65536/", "not in 1..65535"},
        {"http://h:123456/", "port is malformed"},
        {"http://h?x=1", "query without a path"},
        {"http://h/a b", "must be escaped"},
        {"http://h/#f", "must be escaped"},
        {"http://h/\\", "must be escaped"},
        {"http://h/\xc3\xa9", "must be escaped"},
        {"http://h/\r\nX-Evil: 1", "must be escaped"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {""};
        struct url url;

        if (url_parse(&url, slice_str(rows[i][0]), &error) == 0)
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(error.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], error.text);
    }
}

static void test_nul_and_length(void **state)
{
    static char text[URL_MAX + 2] = "http://h/";
    struct error error = {""};
    struct url url;

    (void)state;
    assert_int_equal(url_parse(&url, slice_of("http://[::1\0]/", 14), &error), -1);
    assert_int_equal(url_parse(&url, slice_of("http://h\0x/", 11), &error), -1);
    assert_int_equal(url_parse(&url, slice_of("http://h/\0", 10), &error), -1);
    memset(text + 9, 'a', URL_MAX - 8);
    assert_int_equal(url_parse(&url, slice_of(text, URL_MAX), &error), 0);
    assert_int_equal(url_parse(&url, slice_of(text, URL_MAX + 1), &error), -1);
    assert_string_equal(error.text, "the URL has over 2048 bytes");
}

static void test_loopback_and_addresses(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
        const char *address;
    } rows[] = {
        {"http://localhost/", true, NULL},
        {"http://127.0.0.1/", true, "127.0.0.1"},
        {"http://127.255.0.3/", true, NULL},
        {"http://[::1]/", true, "::1"},
        {"http://[0:0:0:0:0:0:0:1]/", true, "::1"},
        {"http://[fd00:0ec2::0:23]/", false, "fd00:ec2::23"},
        {"http://169.254.170.2/", false, "169.254.170.2"},
        {"http://169.254.170.20/", false, NULL},
        {"http://localhost.evil.io/", false, NULL},
        {"http://127.evil.io/", false, NULL},
        {"http://[::ffff:127.0.0.1]/", false, NULL},
        {"http://1.127.0.0/", false, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error;
        struct url url;

        if (url_parse(&url, slice_str(rows[i].text), &error) < 0)
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_int_equal(url_is_loopback(&url), rows[i].loopback);
        if (rows[i].address)
            assert_true(url_is_address(&url, rows[i].address));
        assert_false(url_is_address(&url, "169.254.170.23"));
        assert_false(url_is_address(&url, "fd00:ec2::2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(test_nul_and_length),
        cmocka_unit_test(test_loopback_and_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
