/*
 * The page that the status port shows to people: /status as HTML, without scripts, and without
 * anything that is fetched from elsewhere.
 */
#ifndef PULLTHROUGH_APP_SERVE_STATUS_HTML_H
#define PULLTHROUGH_APP_SERVE_STATUS_HTML_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/http/http_server.h"

#include <stdint.h>

enum { STATUS_HTML_MAX = 8 * 1024 - 1 /* bytes, whatever /status says: the rest is left out */ };

/* What a browser may do with it: show it. For http_response.headers. */
extern const struct http_header status_html_headers[];

/* Append the page for the text of /status, as it is at `now_s`. -1: the text is not JSON. */
int status_html_print(struct slice status, int64_t now_s, struct strbuf *out);

#endif
