/*
 * The members of a JSON object that we know, each checked before it is used; the others are
 * passed over, since services add members without notice. A null is an absent member.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_FIELDS_H
#define PULLTHROUGH_CORE_JSON_JSON_FIELDS_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

static inline void json_fields_cleanup(json_t **value)
{
    json_decref(*value);
}
#define JSON_FIELDS_CLEANUP __attribute__((cleanup(json_fields_cleanup)))

/* The text as an object, a new reference; NULL with the reason in error where it is none, is
 * malformed, or has a key twice. */
json_t *json_fields_parse(struct slice text, struct error *error);

struct json_text_field {
    const char *name;
    size_t max_bytes;
    bool required;     /* present and not empty */
    const char **text; /* set to a copy in the arena, or to "" */
};

/* -1 with the reason where one is missing, no string, too long, or has control characters. */
int json_fields_texts(const json_t *object, const struct json_text_field *fields, size_t n,
                      struct arena *arena, struct error *error);

/* An array of at most `max` items; NULL in *list where there is none. */
int json_fields_list(const json_t *object, const char *name, size_t max, const json_t **list,
                     struct error *error);

/* A boolean that must be there. */
int json_fields_bool(const json_t *object, const char *name, bool *value, struct error *error);

#endif
