/*
 * Pieces of HTML. Whatever is written by these is text to a browser: it opens no tag, ends no
 * attribute, and has no control character.
 */
#ifndef PULLTHROUGH_APP_SERVE_HTML_H
#define PULLTHROUGH_APP_SERVE_HTML_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

/* UTF-8 of at most `most` bytes of HTML; the rest is cut, and an ellipsis says so. */
void html_text(struct strbuf *out, struct slice text, size_t most);

/* Words of ours, where `these` become <code>these</code>. */
void html_words(struct strbuf *out, const char *words);

/* "1,234,567" */
void html_number(struct strbuf *out, uint64_t number);
/* "1 image", "2 images" */
void html_count(struct strbuf *out, uint64_t number, const char *noun);

/* "89 days": seconds in the largest unit of which there are two, or that there is. */
void html_span(struct strbuf *out, int64_t seconds);

#endif
