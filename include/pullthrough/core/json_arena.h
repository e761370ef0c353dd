/*
 * yyjson reading into an arena: the document and its values die with the arena and are
 * never freed one by one.
 */
#ifndef PULLTHROUGH_CORE_JSON_ARENA_H
#define PULLTHROUGH_CORE_JSON_ARENA_H

#include "pullthrough/core/arena.h"
#include "pullthrough/core/slice.h"

#include <yyjson.h>

/* The root value; NULL if the text is no JSON (RFC 8259, strictly). Numbers are kept as
 * their text: none is out of range, and none of ours is read. */
yyjson_val *json_arena_read(struct arena *arena, struct slice text);

/* What of an arena a text of this length takes. */
size_t json_arena_bytes(size_t text_bytes);

#endif
