/*
 * Members of JSON objects as Go's encoding/json finds them: of a key that is given twice
 * the last one counts (yyjson_obj_get() takes the first). Names are compared to the byte.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_MEMBER_H
#define PULLTHROUGH_CORE_JSON_JSON_MEMBER_H

#include "pullthrough/core/base/slice.h"

#include <yyjson.h>

struct json_wanted {
    struct slice key;
    yyjson_val **found; /* set to NULL where the object has no such key, or null there: Go
                           treats an absent member and a null one alike */
};

/* An initialiser, for a literal key. */
#define JSON_WANTED(key, found)                                                                    \
    {                                                                                              \
        {(key), sizeof(key) - 1}, (found)                                                          \
    }

/* Look for n members in one pass; whatever is not an object has none. Borrowed from the document.
 */
static inline void json_members(yyjson_val *object, const struct json_wanted *wanted, size_t n)
{
    /* Inline, because it is much of a review beside the parsing: the lengths of literals are
     * constants, and most keys are passed by their length. */
    yyjson_obj_iter iter;
    yyjson_val *name;

    for (size_t i = 0; i < n; i++)
        *wanted[i].found = NULL;
    if (!yyjson_obj_iter_init(object, &iter))
        return;
    while ((name = yyjson_obj_iter_next(&iter)))
        for (size_t i = 0; i < n; i++)
            if (unsafe_yyjson_equals_strn(name, wanted[i].key.ptr, wanted[i].key.len))
                *wanted[i].found = yyjson_obj_iter_get_val(name);
    for (size_t i = 0; i < n; i++)
        if (yyjson_is_null(*wanted[i].found))
            *wanted[i].found = NULL;
}

/* One of them. */
static inline yyjson_val *json_member(yyjson_val *object, const char *key)
{
    yyjson_val *found;

    json_members(object, &(struct json_wanted){slice_str(key), &found}, 1);
    return found;
}

/* The bytes of a string; the empty slice for anything else. Borrowed from the document. */
static inline struct slice json_text(yyjson_val *value)
{
    /* yyjson_get_len() alone would give an object's number of members */
    return yyjson_is_str(value) ? slice_of(yyjson_get_str(value), yyjson_get_len(value))
                                : slice_of(NULL, 0);
}

#endif
