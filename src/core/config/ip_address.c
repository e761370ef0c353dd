/*
 * Addresses as inet_pton() takes them.
 */
#include "ip_address.h"

enum { V4_PARTS = 4, V6_GROUPS = 8, GROUP_DIGITS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Cut the part before the next `stop` off the front; *last says that it was the last one. */
static struct slice take_part(struct slice *text, char stop, bool *last)
{
    struct slice part = slice_of(text->ptr, slice_find(*text, stop));

    *last = part.len == text->len;
    *text = slice_from(*text, *last ? part.len : part.len + 1);
    return part;
}

static bool is_octet(struct slice part)
{
    unsigned value = 0;

    if (part.len == 0 || part.len > 3 || (part.len > 1 && part.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < part.len; i++) {
        if (!is_digit(part.ptr[i]))
            return false;
        value = value * 10 + (unsigned)(part.ptr[i] - '0');
    }
    return value <= 255;
}

bool ip_address_is_v4(struct slice text)
{
    unsigned parts = 0;
    bool last = false;

    while (!last) {
        if (!is_octet(take_part(&text, '.', &last)))
            return false;
        parts++;
    }
    return parts == V4_PARTS;
}

static bool is_group(struct slice part)
{
    if (part.len == 0 || part.len > GROUP_DIGITS)
        return false;
    for (size_t i = 0; i < part.len; i++)
        if (!is_hex(part.ptr[i]))
            return false;
    return true;
}

/* How many groups "a:b:c" has, an IPv4 form at the end for two; 0 for none, -1 for no such list. */
static int count_groups(struct slice text, bool at_end)
{
    int groups = 0;
    bool last = text.len == 0;

    while (!last) {
        struct slice part = take_part(&text, ':', &last);

        if (is_group(part))
            groups++;
        else if (last && at_end && ip_address_is_v4(part))
            groups += 2;
        else
            return -1;
    }
    return groups;
}

bool ip_address_is_v6(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != ':' || text.ptr[i + 1] != ':')
            continue;
        int before = count_groups(slice_of(text.ptr, i), false);
        int after = count_groups(slice_from(text, i + 2), true);

        return before >= 0 && after >= 0 && before + after < V6_GROUPS;
    }
    return count_groups(text, true) == V6_GROUPS;
}
