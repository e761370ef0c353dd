/*
 * Addresses to listen on. Numbers only: which address a name means is for the resolver to
 * say, and it may say another one tomorrow.
 */
#include "pullthrough/core/config/config.h"

#include "pullthrough/core/base/url.h"
#include "pullthrough/core/config/config_values.h"

#include <arpa/inet.h>

static int parse_port(struct slice digits, uint16_t *port, struct error *error)
{
    uint64_t value;

    if (config_count_parse(digits, &value, NULL) || value > UINT16_MAX)
        return error_set(error, "a port is 0 to %u", (unsigned)UINT16_MAX);
    *port = (uint16_t)value;
    return 0;
}

int config_address(struct slice text, struct slice *host, uint16_t *port, struct error *error)
{
    size_t colon = slice_find_last(text, ':');
    unsigned char bytes[16];
    struct slice address;

    if (text.len && text.ptr[0] == '[') {
        size_t close = slice_find(text, ']');

        if (close + 1 >= text.len || text.ptr[close + 1] != ':')
            return error_set(error, "wants [IPv6 address]:PORT");
        address = slice_of(text.ptr + 1, close - 1);
        if (!url_address(AF_INET6, address, bytes))
            return error_set(error, "no IPv6 address stands in the brackets");
        colon = close + 1;
    } else {
        if (colon == text.len)
            return error_set(error, "wants ADDRESS:PORT or :PORT");
        address = slice_of(text.ptr, colon);
        if (slice_find(address, ':') < address.len)
            return error_set(error, "an IPv6 address stands in brackets, [ADDRESS]:PORT");
        if (address.len && !url_address(AF_INET, address, bytes))
            return error_set(error, "wants an IP address (a name is not looked up), or none, "
                                    "before the port");
    }
    if (parse_port(slice_from(text, colon + 1), port, error))
        return -1;
    *host = address;
    return 0;
}
