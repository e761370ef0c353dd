/*
 * JSON (RFC 8259) into the nodes that YAML would give, for what libyaml refuses: long keys,
 * escaped surrogate pairs, documents one after the other.
 *
 * Strings are double-quoted scalars, everything else is plain. A document is an object or an
 * array; between two may stand a line "---". An escaped surrogate without its partner is
 * U+FFFD, as in Go.
 */
#ifndef PULLTHROUGH_CORE_YAML_JSON_NODES_H
#define PULLTHROUGH_CORE_YAML_JSON_NODES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "yaml_builder.h"

#include <stddef.h>

enum { JSON_NODES_NOT_JSON = 1 };

/* Read text[from..], which is UTF-8 without a byte order mark. 0; JSON_NODES_NOT_JSON or, over
 * a limit, -1: with *problem and the reason, without its place, in error. */
int json_nodes_read(struct yaml_builder *builder, struct slice text, size_t from,
                    struct yaml_place *problem, struct error *error);

#endif
