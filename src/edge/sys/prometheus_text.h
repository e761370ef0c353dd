/*
 * Prometheus' text format, as far as the metrics need it. Private to edge.
 */
#ifndef PULLTHROUGH_SRC_EDGE_SYS_PROMETHEUS_TEXT_H
#define PULLTHROUGH_SRC_EDGE_SYS_PROMETHEUS_TEXT_H

#include "pullthrough/core/base/strbuf.h"

/* The two lines before a metric; type is "counter", "gauge", ... */
void prometheus_text_heading(struct strbuf *out, const char *name, const char *type,
                             const char *help);

/* A label behind `n` others of its series; its value is escaped. */
void prometheus_text_label(struct strbuf *out, size_t n, const char *name, const char *value);

#endif
