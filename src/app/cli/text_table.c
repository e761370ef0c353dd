/*
 * Cells wait until all are there, for only then their widths are known. A width is counted in
 * characters, one column each: images, names and paths are hardly ever anything wider.
 */
#include "text_table.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/utf8.h"

#include <stdlib.h>
#include <unistd.h>

enum { CELL_BYTES = 64 * 1024, GAP = 2 };

struct cell {
    struct slice text;
    size_t width;
    enum text_colour colour;
};

struct text_table {
    struct arena arena;
    const char *const *headings;
    size_t n_columns;
    size_t *widths;
    struct cell *cells;
    size_t n_cells, cells_size;
};

struct text_look text_look_of(int fd)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool terminal = isatty(fd) == 1;

    return (struct text_look){
        .terminal = terminal,
        .colour =
            terminal && (!no_colour || !*no_colour) && term && *term && strcmp(term, "dumb") != 0,
    };
}

struct text_table *text_table_new(const char *const *headings, size_t n_columns)
{
    struct text_table *table = alloc_zeroed(1, sizeof(*table));

    arena_init(&table->arena, 0);
    table->headings = headings;
    table->n_columns = n_columns;
    table->widths = arena_alloc(&table->arena, n_columns * sizeof(*table->widths));
    for (size_t i = 0; i < n_columns; i++)
        table->widths[i] = strlen(headings[i]);
    return table;
}

void text_table_free(struct text_table *table)
{
    if (!table)
        return;
    arena_fini(&table->arena);
    free(table->cells);
    free(table);
}

void text_add_printable(struct strbuf *out, struct slice text)
{
    size_t length;

    for (size_t at = 0; at < text.len; at += length) {
        length = utf8_length(text.ptr + at, text.len - at);
        if (length > 0 && utf8_is_printable(text.ptr + at, length)) {
            strbuf_add(out, text.ptr + at, length);
        } else {
            strbuf_add_char(out, '?');
            length = length ? length : 1;
        }
    }
}

size_t text_width(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

void text_add_bytes(struct strbuf *out, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double n = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        strbuf_add_format(out, "%u B", (unsigned)bytes);
        return;
    }
    for (; n >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        n /= 1024;
    strbuf_add_format(out, "%.1f %s", n, units[unit]);
}

void text_add_wrapped(struct strbuf *out, struct slice text, size_t column, size_t indent)
{
    for (bool first = true; text.len; first = false) {
        struct slice word = slice_cut(&text, ' ');
        size_t width = text_width(word);

        if (!first && column + 1 + width > TEXT_WIDTH) {
            strbuf_add_format(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add_slice(out, word);
        column += width;
    }
    strbuf_add_char(out, '\n');
}

void text_table_add(struct text_table *table, struct slice text, enum text_colour colour)
{
    static const char dots[] = "\xe2\x80\xa6";
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(CELL_BYTES);
    size_t more, column = table->n_cells % table->n_columns;
    struct cell *cell;
    char *copy;

    text_add_printable(&shown, text);
    if (shown.len == 0)
        strbuf_add_char(&shown, '-');
    more = strbuf_overflowed(&shown) ? strlen(dots) : 0;
    copy = arena_alloc(&table->arena, shown.len + more);
    memcpy(copy, shown.ptr, shown.len);
    memcpy(copy + shown.len, dots, more);
    table->cells =
        alloc_grown(table->cells, table->n_cells, &table->cells_size, sizeof(*table->cells));
    cell = &table->cells[table->n_cells++];
    cell->text = slice_of(copy, shown.len + more);
    cell->width = text_width(cell->text);
    cell->colour = colour;
    if (cell->width > table->widths[column])
        table->widths[column] = cell->width;
}

static void print_cell(const struct text_table *table, size_t column, struct cell cell,
                       struct text_look look, struct strbuf *out)
{
    static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m"};
    bool coloured = look.colour && cell.colour != TEXT_NO_COLOUR;
    bool last = column + 1 == table->n_columns;

    strbuf_add_str(out, coloured ? codes[cell.colour] : "");
    strbuf_add_slice(out, cell.text);
    strbuf_add_str(out, coloured ? "\033[0m" : "");
    if (last)
        strbuf_add_char(out, '\n');
    else if (!look.terminal)
        strbuf_add_char(out, '\t');
    else
        for (size_t i = cell.width; i < table->widths[column] + GAP; i++)
            strbuf_add_char(out, ' ');
}

void text_table_print(const struct text_table *table, struct text_look look, struct strbuf *out)
{
    size_t whole = table->n_cells - table->n_cells % table->n_columns;

    if (whole == 0)
        return;
    for (size_t i = 0; look.terminal && i < table->n_columns; i++) {
        struct slice heading = slice_str(table->headings[i]);

        print_cell(table, i, (struct cell){.text = heading, .width = heading.len}, look, out);
    }
    for (size_t i = 0; i < whole; i++)
        print_cell(table, i % table->n_columns, table->cells[i], look, out);
}
