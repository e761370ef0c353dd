/*
 * Base64 back to bytes; the other direction is strbuf_add_base64().
 */
#ifndef PULLTHROUGH_CORE_BASE_BASE64_H
#define PULLTHROUGH_CORE_BASE_BASE64_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

/* Append what `text` stands for. Strict (RFC 4648, section 4): the standard alphabet, padding,
 * no line breaks, no bits left over. -1 with the reason, which quotes nothing, where it is no
 * such text or goes over out's ceiling; nothing is left appended. The text must not lie in out. */
int base64_decode(struct strbuf *out, struct slice text, struct error *error);

#endif
