/*
 * A text as YAML, such that no reader of YAML 1.1 or 1.2 takes it for anything else.
 */
#ifndef PULLTHROUGH_CORE_BASE_YAML_TEXT_H
#define PULLTHROUGH_CORE_BASE_YAML_TEXT_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

/* Append it, bare where it can stand so; otherwise in double quotes, in ASCII. */
void yaml_text_print(struct strbuf *out, struct slice text);

#endif
