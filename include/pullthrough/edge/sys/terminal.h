/*
 * A question to the person at the terminal.
 */
#ifndef PULLTHROUGH_EDGE_SYS_TERMINAL_H
#define PULLTHROUGH_EDGE_SYS_TERMINAL_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"

enum { TERMINAL_ABSENT = 1 };

/* Write the prompt to the terminal that this process belongs to, whatever its standard streams are,
 * and append the line that is typed there, without its end. What is typed is shown. 0;
 * TERMINAL_ABSENT: there is none; -1: nothing was typed, or too much, with the reason. */
int terminal_ask(const char *prompt, struct strbuf *answer, struct error *error);

#endif
