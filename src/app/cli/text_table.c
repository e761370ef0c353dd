/*
 * Cells wait until all are there, for only then their widths are known. A width is counted in
 * characters, one column each: images, names and paths are hardly ever anything wider.
 */
#include "text_table.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/utf8.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    CELL_BYTES = 64 * 1024,
    GAP = 2,
    BELOW = 4,        /* spaces before what stands below its row */
    WIDTH_LEAST = 40, /* of a terminal, and */
    COLUMN_LEAST = 8, /* of a column that is made narrower */
};

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
    unsigned fold;
};

static size_t width_of(int fd)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return TEXT_WIDTH;
    return size.ws_col > WIDTH_LEAST ? size.ws_col : WIDTH_LEAST;
}

struct text_look text_look_of(int fd)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    bool terminal = isatty(fd) == 1;

    return (struct text_look){
        .terminal = terminal,
        .width = terminal ? width_of(fd) : TEXT_WIDTH,
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

static void add_wrapped(struct strbuf *out, struct slice text, size_t column, size_t indent,
                        size_t most)
{
    for (bool first = true; text.len; first = false) {
        struct slice word = slice_cut(&text, ' ');
        size_t width = text_width(word);

        if (!first && column + 1 + width > most) {
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

void text_add_wrapped(struct strbuf *out, struct slice text, size_t column, size_t indent)
{
    add_wrapped(out, text, column, indent, TEXT_WIDTH);
}

void text_table_fold(struct text_table *table, unsigned columns)
{
    table->fold = columns;
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

static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m"};

void text_colour_begin(struct strbuf *out, enum text_colour colour, struct text_look look)
{
    strbuf_add_str(out, look.colour ? codes[colour] : "");
}

void text_colour_end(struct strbuf *out, enum text_colour colour, struct text_look look)
{
    strbuf_add_str(out, look.colour && colour != TEXT_NO_COLOUR ? "\033[0m" : "");
}

static void add_cell(struct strbuf *out, const struct cell *cell, struct text_look look)
{
    text_colour_begin(out, cell->colour, look);
    strbuf_add_slice(out, cell->text);
    text_colour_end(out, cell->colour, look);
}

/* Columns that stand below their rows; 0 where all fit. */
static unsigned folded(const struct text_table *table, struct text_look look)
{
    size_t width = 0;

    for (size_t i = 0; i < table->n_columns; i++)
        width += table->widths[i] + (i ? GAP : 0);
    return width > look.width ? table->fold & ~1u : 0;
}

/* How wide a column is beside others that aren't below: the widest give way until all fit. */
static size_t most_width(const struct text_table *table, unsigned below, struct text_look look)
{
    for (size_t most = look.width, sum;; most--) {
        sum = 0;
        for (size_t i = 0; i < table->n_columns; i++)
            if (!(below & 1u << i))
                sum += (table->widths[i] < most ? table->widths[i] : most) + GAP;
        if (sum - GAP <= look.width || most <= COLUMN_LEAST)
            return most;
    }
}

/* "    rule for: quay.io", or the last column's without its heading. */
static void print_below(const struct text_table *table, size_t column, const struct cell *cell,
                        struct text_look look, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CELL_BYTES * 2);
    const char *heading = column + 1 < table->n_columns ? table->headings[column] : "";

    if (slice_is(cell->text, "-"))
        return;
    for (; *heading; heading++)
        strbuf_add_char(
            &text, (char)(*heading >= 'A' && *heading <= 'Z' ? *heading + 'a' - 'A' : *heading));
    strbuf_add_str(&text, text.len ? ": " : "");
    strbuf_add_slice(&text, cell->text);
    strbuf_add_format(out, "%*s", BELOW, "");
    add_wrapped(out, strbuf_slice(&text), BELOW, BELOW, look.width);
}

/* A cell that is wider than its column has the line to itself: the next one goes on below it, in
 * its own column. */
static void print_aligned(const struct text_table *table, const struct cell *cells,
                          struct text_look look, struct strbuf *out)
{
    unsigned below = folded(table, look);
    size_t most = most_width(table, below, look), at = 0, start = 0;

    for (size_t i = 0; i < table->n_columns; i++) {
        if (below & 1u << i)
            continue;
        if (at + GAP > start && start > 0) {
            strbuf_add_char(out, '\n');
            at = 0;
        }
        strbuf_add_format(out, "%*s", (int)(start - at), "");
        add_cell(out, &cells[i], look);
        at = start + cells[i].width;
        start += (table->widths[i] < most ? table->widths[i] : most) + GAP;
    }
    strbuf_add_char(out, '\n');
    for (size_t i = 0; below && i < table->n_columns; i++)
        if ((below & 1u << i) && cells[i].text.ptr != table->headings[i])
            print_below(table, i, &cells[i], look, out);
}

void text_table_print_heading(const struct text_table *table, struct text_look look,
                              struct strbuf *out)
{
    struct cell *cells;

    if (!look.terminal)
        return;
    cells = alloc_zeroed(table->n_columns, sizeof(*cells));
    for (size_t i = 0; i < table->n_columns; i++) {
        cells[i].text = slice_str(table->headings[i]);
        cells[i].width = cells[i].text.len;
    }
    print_aligned(table, cells, look, out);
    free(cells);
}

void text_table_print_row(const struct text_table *table, size_t i, struct text_look look,
                          struct strbuf *out)
{
    const struct cell *cells = table->cells + i * table->n_columns;

    if (look.terminal) {
        print_aligned(table, cells, look, out);
        return;
    }
    for (size_t k = 0; k < table->n_columns; k++) {
        add_cell(out, &cells[k], look);
        strbuf_add_char(out, k + 1 < table->n_columns ? '\t' : '\n');
    }
}

void text_table_print(const struct text_table *table, struct text_look look, struct strbuf *out)
{
    size_t n = table->n_cells / table->n_columns;

    if (n > 0)
        text_table_print_heading(table, look, out);
    for (size_t i = 0; i < n; i++)
        text_table_print_row(table, i, look, out);
}
