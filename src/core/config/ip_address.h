/*
 * Whether a text is an IP address. Names are not resolved here, nor taken for addresses.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_IP_ADDRESS_H
#define PULLTHROUGH_CORE_CONFIG_IP_ADDRESS_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

/* Four decimal numbers from 0 to 255 without leading zeros. */
bool ip_address_is_v4(struct slice text);

/* RFC 4291, section 2.2: eight groups, "::" for some of them, the last two maybe in IPv4's
 * form. No brackets, no zone. */
bool ip_address_is_v6(struct slice text);

#endif
