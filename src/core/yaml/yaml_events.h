/*
 * YAML 1.1 as libyaml reads it, into nodes with byte offsets.
 */
#ifndef PULLTHROUGH_CORE_YAML_YAML_EVENTS_H
#define PULLTHROUGH_CORE_YAML_YAML_EVENTS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "yaml_builder.h"

#include <stddef.h>

/* Read text[from..], which is UTF-8 without a byte order mark. 0; or -1 with *problem and the
 * reason, without its place, in error. */
int yaml_events_read(struct yaml_builder *builder, struct slice text, size_t from,
                     struct yaml_place *problem, struct error *error);

#endif
