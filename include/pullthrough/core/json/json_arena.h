/*
 * yyjson reading into an arena: the document and its values die with the arena and are
 * never freed one by one.
 *
 * yyjson's reader is a loop, not a recursion (yyjson.c, read_root_minify and read_root_pretty),
 * and so is everything of ours that walks what it read: depth costs memory only, and the arena's
 * ceiling bounds that.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_ARENA_H
#define PULLTHROUGH_CORE_JSON_JSON_ARENA_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <yyjson.h>

/* The root value; NULL if the text is not JSON (RFC 8259, strictly), or, and then *too_much is
 * set, would take more than the arena's ceiling leaves; it may be no JSON then either. Numbers
 * are kept as their text: none is out of range, and none of ours is read. */
yyjson_val *json_arena_read(struct arena *arena, struct slice text, bool *too_much);

/* What of an arena's first block a text of this length takes. */
size_t json_arena_bytes(size_t text_bytes);

#endif
