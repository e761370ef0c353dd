/*
 * Prometheus' text format, as far as the metrics need it. Private to edge.
 */
#ifndef PULLTHROUGH_SRC_EDGE_EXPOSITION_H
#define PULLTHROUGH_SRC_EDGE_EXPOSITION_H

#include "pullthrough/core/base/strbuf.h"

/* The two lines before a metric "pullthrough_" `name`; type is "counter", "gauge", ... */
void exposition_heading(struct strbuf *out, const char *name, const char *type, const char *help);

/* A label's value, without its quotes. */
void exposition_label(struct strbuf *out, const char *text);

#endif
