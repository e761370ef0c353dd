#include "pullthrough/core/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"0.0.0.0:8443", "0.0.0.0", 8443},
        {"127.0.0.1:0", "127.0.0.1", 0},
        {":8080", "", 8080},
        {":65535", "", 65535},
        {"[::]:8443", "::", 8443},
        {"[::1]:1", "::1", 1},
        {"[2001:db8::2.3.4.5]:80", "2001:db8::2.3.4.5", 80},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice host;
        struct error error = {""};
        uint16_t port;

        if (config_address(slice_str(rows[i].text), &host, &port, &error))
            fail_msg("%s: %s", rows[i].text, error.text);
        assert_true(slice_is(host, rows[i].host));
        assert_int_equal(port, rows[i].port);
    }
}

static void test_other_texts_are_refused(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "wants ADDRESS:PORT or :PORT"},
        {"8443", "wants ADDRESS:PORT or :PORT"},
        {"127.0.0.1", "wants ADDRESS:PORT or :PORT"},
        {":", "a port is 0 to 65535"},
        {":65536", "a port is 0 to 65535"},
        {":-1", "a port is 0 to 65535"},
        {":080", "a port is 0 to 65535"},
        {":80 ", "a port is 0 to 65535"},
        {"[::1]", "wants [IPv6 address]:PORT"},
        {"[::1", "wants [IPv6 address]:PORT"},
        {"[", "wants [IPv6 address]:PORT"},
        {"[::1]8443", "wants [IPv6 address]:PORT"},
        {"[]:80", "no IPv6 address stands in the brackets"},
        {"[127.0.0.1]:80", "no IPv6 address stands in the brackets"},
        {"[::1%lo]:80", "no IPv6 address stands in the brackets"},
        {"::1:80", "an IPv6 address stands in brackets, [ADDRESS]:PORT"},
        {"localhost:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {"*:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {" 1.2.3.4:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {"1.2.3:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {"01.2.3.4:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {"1.2.3.256:80", "wants an IP address (a name is not looked up), or none, before the port"},
        {"[1::2::3]:80", "no IPv6 address stands in the brackets"},
        {"[1:2:3:4:5:6:7]:80", "no IPv6 address stands in the brackets"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice host;
        struct error error = {""};
        uint16_t port;

        assert_int_equal(config_address(slice_str(rows[i].text), &host, &port, &error), -1);
        assert_string_equal(error.text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_taken_apart),
        cmocka_unit_test(test_other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
