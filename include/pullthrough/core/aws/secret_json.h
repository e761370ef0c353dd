/*
 * JSON that holds secrets: copied once, parsed within that copy, wiped as a whole.
 *
 * Ordinary parsers leave copies of strings in freed memory.
 */
#ifndef PULLTHROUGH_CORE_AWS_SECRET_JSON_H
#define PULLTHROUGH_CORE_AWS_SECRET_JSON_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdint.h>

struct secret_json;

enum { SECRET_JSON_MAX = 3 * 1024 * 1024 }; /* bytes of a text */

/* -1 with the reason, which quotes nothing, where the text is not a JSON object. */
int secret_json_parse(struct secret_json **jsonp, struct slice text, struct error *error);
/* Wipes. */
void secret_json_free(struct secret_json *json);
static inline void secret_json_cleanup(struct secret_json **jsonp)
{
    secret_json_free(*jsonp);
}
#define SECRET_JSON_CLEANUP __attribute__((cleanup(secret_json_cleanup)))

enum { SECRET_JSON_ABSENT = 1 };

/* The string at `path`: names and array indexes joined by "/" ("authorizationData/0/token").
 * *text lives as long as the JSON; empty where it is absent. 0; SECRET_JSON_ABSENT, for a null
 * too; or -1 with the reason where it is no string or one of the names is there twice. */
int secret_json_text(const struct secret_json *json, const char *path, struct slice *text,
                     struct error *error);

/* The same for a whole number from 0 on; 0 where it is absent. */
int secret_json_number(const struct secret_json *json, const char *path, int64_t *number,
                       struct error *error);

#endif
