/*
 * Text from outside, made fit to be shown: messages of libraries and services may repeat a URL
 * with a password, a signed query or a token, and who reads the status port need not know which
 * role and files the program has.
 *
 * What is cut becomes "***". More is cut than need be, rather than less.
 */
#ifndef PULLTHROUGH_CORE_BASE_REDACT_H
#define PULLTHROUGH_CORE_BASE_REDACT_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* Append the text without what may be secret in it:
 * - all between the first "//" and the last "@": a password may hold any byte, "/", "@" and
 *   spaces too, so a URL's own grammar does not say where it ends;
 * - the query of a URL;
 * - what follows "Bearer" or "Basic", and what looks like a JSON Web Token. */
void redact_text(struct strbuf *out, struct slice text);

/* Whether a proxy's URL, or what is taken for one, may name a user: it is more than a scheme, a
 * host and a port. */
bool redact_has_user(struct slice url);

/* Append the text without ARNs and absolute paths. Of the paths in `known` (empty ones are passed
 * over), absolute or not, the last part is kept: where in which file something is wrong is of use
 * to whoever may see that it is. */
void redact_details(struct strbuf *out, struct slice text, const struct slice *known,
                    size_t n_known);

#endif
