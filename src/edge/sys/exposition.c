/*
 * What is escaped, and where, is Prometheus' own rule (exposition formats, text format 0.0.4).
 */
#include "exposition.h"

void exposition_heading(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_add_format(out, "# HELP pullthrough_%s %s\n# TYPE pullthrough_%s %s\n", name, help, name,
                      type);
}

/* Backslash, quote and line feed; no name of ours holds a line feed. */
void exposition_label(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, *text);
    }
}
