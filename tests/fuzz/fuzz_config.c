/*
 * Any bytes as a configuration: refused with an error that names a place, or read; and
 * then what is printed of it is read again and is the same.
 */
#include "fuzz.h"

#include "pullthrough/core/config/config.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* "LINE:COL: " and at least a word. */
static bool names_a_place(const char *text)
{
    size_t line = strspn(text, "123456789") ? strspn(text, "0123456789") : 0;
    size_t column;

    if (line == 0 || text[line] != ':')
        return false;
    text += line + 1;
    column = strspn(text, "0123456789");
    return column && *text != '0' && text[column] == ':' && text[column + 1] == ' ' &&
           text[column + 2];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STRBUF_CLEANUP struct strbuf first = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf second = STRBUF_INIT(CONFIG_TEXT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;
    CONFIG_CLEANUP const struct config *again = NULL;
    struct error error = {""};

    if (config_parse(&config, slice_of((const char *)data, size), &error)) {
        must(!config && names_a_place(error.text));
        return 0;
    }
    config_print(config, &first);
    must(!strbuf_overflowed(&first));
    must(config_parse(&again, strbuf_slice(&first), &error) == 0);
    config_print(again, &second);
    must(slice_equal(strbuf_slice(&first), strbuf_slice(&second)));
    return 0;
}
