/*
 * A text of fixed size, cut where it is too long. What is no printable character, or is not any
 * more, becomes "?": a reason may quote what came from outside, and goes to terminals and logs.
 */
#include "pullthrough/core/base/error.h"

#include "pullthrough/core/base/utf8.h"

#include <stdio.h>
#include <string.h>

static void make_printable(char *text)
{
    size_t length, left = strlen(text);
    char *kept = text;

    for (; left; text += length, left -= length) {
        length = utf8_length(text, left);
        if (length && utf8_is_printable(text, length)) {
            memmove(kept, text, length);
            kept += length;
        } else {
            *kept++ = '?';
            length += length == 0;
        }
    }
    *kept = '\0';
}

int error_set(struct error *error, const char *format, ...)
{
    va_list args;

    if (!error)
        return -1;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    make_printable(error->text);
    return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
    char context[ERROR_TEXT_BYTES];
    char whole[2 * ERROR_TEXT_BYTES + 2];
    va_list args;

    if (!error)
        return -1;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    (void)snprintf(whole, sizeof(whole), "%s: %s", context, error->text);
    return error_set(error, "%s", whole);
}
