/*
 * JSON that is written item by item, each with the comma, the line and the name that belong before
 * it. The bytes are appended to a buffer, which its owner asks whether they all fitted.
 *
 * It refuses to check the grammar: whoever opens an object or an array ends it, names what stands
 * in an object, and names nothing (NULL) in an array. Two layouts: `{"a":1,"b":2}`, and with
 * `spaced` `{"a": 1, "b": 2}`.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_WRITER_H
#define PULLTHROUGH_CORE_JSON_JSON_WRITER_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Begins with only `out` set, and `spaced` if wanted. At most 32 levels. */
struct json_writer {
    struct strbuf *out;
    bool spaced;

    /* Its own. */
    bool more;       /* something stands before: a comma comes first */
    unsigned line;   /* json_add_line()'s spaces, and one; 0: no line begins */
    unsigned depth;  /* how many are open */
    uint32_t arrays; /* a bit for each of them, the innermost is the lowest */
};

/* A document that is an object, which is open. */
struct json_writer json_begin(struct strbuf *out, bool spaced);

/* What is added or ended next begins a line, so many spaces in. */
void json_add_line(struct json_writer *json, unsigned spaces);

/* What comes before a value; the caller appends the value to the buffer that is returned. */
struct strbuf *json_add(struct json_writer *json, const char *name);

void json_add_object(struct json_writer *json, const char *name);
void json_add_array(struct json_writer *json, const char *name);
/* Ends the innermost of them; or all that are open. */
void json_end(struct json_writer *json);
void json_end_all(struct json_writer *json);

/* A string, as strbuf_add_json() writes it; NULL gives null. */
void json_add_text(struct json_writer *json, const char *name, const char *text);
/* The same, but nothing at all where the text is NULL or empty. */
void json_add_given(struct json_writer *json, const char *name, const char *text);
void json_add_slice(struct json_writer *json, const char *name, struct slice text);
void json_add_number(struct json_writer *json, const char *name, uint64_t number);
void json_add_bool(struct json_writer *json, const char *name, bool value);

/* Append `text`, which is JSON of ours, for a person: each member and item on a line of its own,
 * two spaces in for each level. */
void json_print_indented(struct strbuf *out, struct slice text);

#endif
