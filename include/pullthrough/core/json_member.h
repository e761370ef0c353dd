/*
 * Members of JSON objects as Go's encoding/json finds them: of a key that is given twice
 * the last one counts (yyjson_obj_get() takes the first). Names are compared to the byte.
 */
#ifndef PULLTHROUGH_CORE_JSON_MEMBER_H
#define PULLTHROUGH_CORE_JSON_MEMBER_H

#include "pullthrough/core/slice.h"

#include <yyjson.h>

/* NULL where the value is no object, or has no such key, or has null there: Go treats an
 * absent member and a null one alike. Borrowed from the document. */
yyjson_val *json_member(yyjson_val *object, const char *key);

/* The bytes of a string; the empty slice for anything else. Borrowed from the document. */
static inline struct slice json_text(yyjson_val *value)
{
    /* yyjson_get_len() alone would give an object's number of members */
    return yyjson_is_str(value) ? slice_of(yyjson_get_str(value), yyjson_get_len(value))
                                : slice_of(NULL, 0);
}

#endif
