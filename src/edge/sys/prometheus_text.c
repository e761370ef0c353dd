/*
 * What is escaped, and where, is Prometheus' own rule (exposition formats, text format 0.0.4).
 */
#include "prometheus_text.h"

void prometheus_text_heading(struct strbuf *out, const char *name, const char *type,
                             const char *help)
{
    strbuf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Backslash, quote and line feed; no name of ours holds a line feed. */
void prometheus_text_label(struct strbuf *out, size_t n, const char *name, const char *value)
{
    strbuf_add_format(out, "%s%s=\"", n ? "," : "{", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, *value);
    }
    strbuf_add_char(out, '"');
}
