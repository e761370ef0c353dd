/*
 * A table for a person: columns as wide as their widest cell, and within the terminal's width; or
 * for programs that read lines: cells divided by tabs, no heading. Nothing is ever cut.
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
    size_t width;  /* of its lines, in columns */
};
struct text_look text_look_of(int fd);

struct text_table;

struct text_table *text_table_new(const char *const *headings, size_t n_columns);
void text_table_free(struct text_table *table);

/* Adds the next cell, row by row. The text is copied; what could end a line or steer a
 * terminal becomes '?'. */
void text_table_add(struct text_table *table, struct slice text, enum text_colour colour);

/* Columns (1 << COLUMN) whose cells stand below their row where it would be wider than the
 * terminal; never the first one. */
void text_table_fold(struct text_table *table, unsigned columns);

/* Append all whole rows. */
void text_table_print(const struct text_table *table, struct text_look look, struct strbuf *out);
/* The same piece by piece, for who has lines between: the heading, which only a person gets, and
 * the i-th row. */
void text_table_print_heading(const struct text_table *table, struct text_look look,
                              struct strbuf *out);
void text_table_print_row(const struct text_table *table, size_t i, struct text_look look,
                          struct strbuf *out);

/* Append the codes that begin and end a colour; nothing where the look has none. */
void text_colour_begin(struct strbuf *out, enum text_colour colour, struct text_look look);
void text_colour_end(struct strbuf *out, enum text_colour colour, struct text_look look);

/* Append `text` as a cell would show it. */
void text_add_printable(struct strbuf *out, struct slice text);

/* Append "417 B", "4.2 MiB" and the like. */
void text_add_bytes(struct strbuf *out, uint64_t bytes);

enum { TEXT_WIDTH = 80 }; /* columns of a line for a person, unless a terminal says otherwise */

size_t text_width(struct slice text); /* in columns, one for each character */
/* Append the words in lines of TEXT_WIDTH and a line feed, the further lines `indent` spaces in;
 * the first begins at `column`. A word that is longer than a line isn't cut. */
void text_add_wrapped(struct strbuf *out, struct slice text, size_t column, size_t indent);

#endif
