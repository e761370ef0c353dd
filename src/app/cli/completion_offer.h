/*
 * What a shell may offer for the word that somebody types, by the table of the command.
 */
#ifndef PULLTHROUGH_SRC_APP_CLI_COMPLETION_OFFER_H
#define PULLTHROUGH_SRC_APP_CLI_COMPLETION_OFFER_H

#include "command.h"

enum { COMPLETION_FILES = 1 }; /* the names of files, which shells know themselves */

/* `words` stand behind the program's name; the last one is what was typed of it so far, and may be
 * empty. Append a line for each whole word that begins with that: the word, and where there is
 * something to say about it a tab and that. 0 or COMPLETION_FILES. */
int completion_offer(struct strbuf *out, char *const *words, size_t n);

#endif
