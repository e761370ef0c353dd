/*
 * UTF-8, character by character (RFC 3629, section 4): no overlong forms, no surrogates,
 * nothing above U+10FFFF.
 */
#ifndef PULLTHROUGH_CORE_BASE_UTF8_H
#define PULLTHROUGH_CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the character at text[0] takes, 0 if it is none; len is at least 1. */
size_t utf8_length(const char *text, size_t len);

/* Whether the character, of `length` bytes, may go to a terminal, stays in its line, and is seen
 * where it stands: no control, C0 or C1, neither of the line breaks U+2028 and U+2029, nothing
 * that turns the direction of writing, and nothing of no width. */
bool utf8_is_printable(const char *character, size_t length);

/* Write the character `code` (a Unicode scalar value); returns its 1 to 4 bytes. */
size_t utf8_encode(char out[4], uint32_t code);

#endif
