/*
 * Byte order marks at the start of documents behind the first, which files that were joined
 * have: YAML allows them there, and libyaml counts each as a column.
 */
#ifndef PULLTHROUGH_SRC_CORE_YAML_MARKS_H
#define PULLTHROUGH_SRC_CORE_YAML_MARKS_H

#include "pullthrough/core/base/slice.h"

#include <stddef.h>

struct yaml_marks {
    struct slice text; /* without the marks: borrowed where there are none */
    char *copy;
    size_t *at; /* bytes of `text` in front of which one stood, in order */
    size_t n, size, cursor;
};

/* How many bytes of marks text[at..] begins with. */
size_t yaml_marks_length(struct slice text, size_t at);

/* `text` must live as long. It stands where a document may begin. */
void yaml_marks_init(struct yaml_marks *marks, struct slice text);
void yaml_marks_fini(struct yaml_marks *marks);

/* The byte of the whole text that is text[at]; of a node's end, that behind its last one.
 * Quick where `at` hardly ever goes back. */
size_t yaml_marks_start(struct yaml_marks *marks, size_t at);
size_t yaml_marks_end(struct yaml_marks *marks, size_t at);

#endif
