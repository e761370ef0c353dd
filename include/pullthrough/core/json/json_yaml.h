/*
 * JSON of ours as YAML, for who rather reads or compares that.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_YAML_H
#define PULLTHROUGH_CORE_JSON_JSON_YAML_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

/* Append the document in block style, with the same members in the same order. -1: it isn't JSON.
 */
int json_yaml_print(struct strbuf *out, struct slice json);

#endif
