/*
 * A table for a person: columns as wide as their widest cell, or for programs that read
 * lines: cells divided by tabs, no heading.
 */
#ifndef PULLTHROUGH_APP_CLI_TEXT_TABLE_H
#define PULLTHROUGH_APP_CLI_TEXT_TABLE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_colour { TEXT_NO_COLOUR, TEXT_GREEN, TEXT_YELLOW, TEXT_RED };

/* How something is shown on a descriptor. */
struct text_look {
    bool terminal; /* a person reads: aligned, with a heading */
    bool colour;   /* on a terminal that has colours, and NO_COLOR isn't set */
};
struct text_look text_look_of(int fd);

struct text_table;

struct text_table *text_table_new(const char *const *headings, size_t n_columns);
void text_table_free(struct text_table *table);

/* Adds the next cell, row by row. The text is copied; what could end a line or steer a
 * terminal becomes '?'. */
void text_table_add(struct text_table *table, struct slice text, enum text_colour colour);

/* Append all whole rows. */
void text_table_print(const struct text_table *table, struct text_look look, struct strbuf *out);

/* Append `text` as a cell would show it. */
void text_add_printable(struct strbuf *out, struct slice text);

/* Append "417 B", "4.2 MiB" and the like. */
void text_add_bytes(struct strbuf *out, uint64_t bytes);

enum { TEXT_WIDTH = 80 }; /* columns of a line for a person */

size_t text_width(struct slice text); /* in columns, one for each character */
/* Append the words in lines of TEXT_WIDTH and a line feed, the further lines `indent` spaces in;
 * the first begins at `column`. A word that is longer than a line isn't cut. */
void text_add_wrapped(struct strbuf *out, struct slice text, size_t column, size_t indent);

#endif
