/*
 * Manifests that are only looked at, as they arrive: JSON of any length (what `kubectl get -o json`
 * prints) an item at a time, so that memory is that of the largest item; anything else whole.
 *
 * What is reported is what manifest_rewrite() reports of the same text, with the same places. The
 * items of a List of more than MANIFEST_STREAM_WHOLE_MAX bytes are taken for objects before the end
 * of the text can say that they aren't, or that it breaks: whoever is told -1 forgets them.
 */
#ifndef PULLTHROUGH_CORE_MANIFEST_MANIFEST_STREAM_H
#define PULLTHROUGH_CORE_MANIFEST_MANIFEST_STREAM_H

#include "pullthrough/core/manifest/manifest.h"

#include <stdbool.h>

enum { MANIFEST_STREAM_WHOLE_MAX = 1024 * 1024 };

struct manifest_stream;

/* `rules` and what `report` points to must live as long; the report itself is copied. */
struct manifest_stream *manifest_stream_new(const struct rule_set *rules, enum config_kinds kinds,
                                            const struct manifest_report *report);
/* How large a JSON document is left whole; before the first byte. For tests. */
void manifest_stream_set_whole_max(struct manifest_stream *stream, size_t bytes);
void manifest_stream_free(struct manifest_stream *stream); /* NULL is allowed */

/* The next bytes; the end of them. 0; or -1 with "LINE:COL: message" in error, and then only
 * manifest_stream_free() may follow. A piece, and a text that isn't JSON, may have
 * MANIFEST_TEXT_MAX bytes. */
int manifest_stream_feed(struct manifest_stream *stream, struct slice bytes, struct error *error);
int manifest_stream_end(struct manifest_stream *stream, struct error *error);

/* How many objects have come so far, of whatever kind; a List is one, too. */
size_t manifest_stream_objects(const struct manifest_stream *stream);

/* Whether a List among them is a page of a longer one. */
bool manifest_stream_goes_on(const struct manifest_stream *stream);

/* Whether it holds "{{", and isn't JSON. */
bool manifest_stream_holds_templates(const struct manifest_stream *stream);

#endif
