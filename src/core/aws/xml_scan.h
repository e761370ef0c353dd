/*
 * The text of one element of a small XML document, as STS answers.
 *
 * Understood: elements, attributes (skipped), text with the five named and the numeric
 * entities, one XML declaration. Everything else is malformed: DTDs, CDATA, comments,
 * processing instructions, unbalanced or over 16 levels deep.
 */
#ifndef PULLTHROUGH_CORE_AWS_XML_SCAN_H
#define PULLTHROUGH_CORE_AWS_XML_SCAN_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

enum { XML_SCAN_ABSENT = 1 };

/* Read the whole document and append the text of the element at `path` ("Root/Child/Leaf"),
 * which must stand there once and hold text only. 0; XML_SCAN_ABSENT; or -1 with the reason,
 * which repeats nothing of the document: it may hold secrets. */
int xml_scan_text(struct slice document, const char *path, struct strbuf *text,
                  struct error *error);

#endif
