/*
 * A text of fixed size, cut where it is too long. Control characters become "?": a reason may
 * quote what came from outside, and goes to terminals and logs.
 */
#include "pullthrough/core/base/error.h"

#include <stdio.h>
#include <string.h>

static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
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
