/*
 * Line by line: a mark counts where nothing of a document has been read yet but comments, or in
 * front of the "---" that begins one. Anywhere else it is a character like others, and stays.
 */
#include "yaml_marks.h"

#include "pullthrough/core/base/alloc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct slice mark = {.ptr = "\xef\xbb\xbf", .len = 3};

size_t yaml_marks_length(struct slice text, size_t at)
{
    size_t from = at;

    while (at < text.len && slice_starts_with(slice_from(text, at), mark))
        at += mark.len;
    return at - from;
}

/* Whether there is nothing but blanks and a comment behind `at`. */
static bool is_idle(struct slice line, size_t at)
{
    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t'))
        at++;
    return at == line.len || line.ptr[at] == '#';
}

/* "---" or "...", alone */
static bool is_between(struct slice line)
{
    return (slice_starts_with(line, slice_str("---")) ||
            slice_starts_with(line, slice_str("..."))) &&
           is_idle(line, 3) && (line.len == 3 || line.ptr[3] != '#');
}

static bool begins_document(struct slice line)
{
    return slice_starts_with(line, slice_str("---")) &&
           (line.len == 3 || line.ptr[3] == ' ' || line.ptr[3] == '\t');
}

static struct slice line_at(struct slice text, size_t at)
{
    size_t end = at;

    while (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r')
        end++;
    return slice_of(text.ptr + at, end - at);
}

static void add_mark(struct yaml_marks *marks, size_t at)
{
    marks->at = alloc_grown(marks->at, marks->n, &marks->size, sizeof(*marks->at));
    marks->at[marks->n++] = at;
}

/* Copies the text to `copy` but for its marks; the length. */
static size_t leave_out(struct yaml_marks *marks, struct slice text)
{
    bool fresh = true; /* nothing of a document has been read */
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        size_t skipped = yaml_marks_length(text, at);
        struct slice line = line_at(text, at + skipped);

        if (skipped && !fresh && !begins_document(line)) {
            line = line_at(text, at);
            skipped = 0;
        }
        for (size_t i = 0; i < skipped; i += mark.len)
            add_mark(marks, len);
        fresh = is_between(line) || (fresh && (is_idle(line, 0) || line.ptr[0] == '%'));
        at += skipped;
        if (at + line.len < text.len)
            line.len++; /* its end */
        memcpy(marks->copy + len, line.ptr, line.len);
        len += line.len;
        at += line.len;
    }
    return len;
}

void yaml_marks_init(struct yaml_marks *marks, struct slice text)
{
    *marks = (struct yaml_marks){.text = text};
    if (text.len == 0 || !memmem(text.ptr, text.len, mark.ptr, mark.len))
        return;
    marks->copy = alloc_zeroed(text.len, 1);
    marks->text = slice_of(marks->copy, leave_out(marks, text));
}

void yaml_marks_fini(struct yaml_marks *marks)
{
    free(marks->copy);
    free(marks->at);
    *marks = (struct yaml_marks){0};
}

size_t yaml_marks_start(struct yaml_marks *marks, size_t at)
{
    while (marks->cursor < marks->n && marks->at[marks->cursor] <= at)
        marks->cursor++;
    while (marks->cursor > 0 && marks->at[marks->cursor - 1] > at)
        marks->cursor--;
    return at + marks->cursor * mark.len;
}

size_t yaml_marks_end(struct yaml_marks *marks, size_t at)
{
    return at > 0 ? yaml_marks_start(marks, at - 1) + 1 : 0;
}
