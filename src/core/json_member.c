#include "pullthrough/core/json_member.h"

yyjson_val *json_member(yyjson_val *object, const char *key)
{
    size_t len = strlen(key);
    yyjson_obj_iter iter;
    yyjson_val *name, *found = NULL;

    if (!yyjson_is_obj(object))
        return NULL;
    yyjson_obj_iter_init(object, &iter);
    while ((name = yyjson_obj_iter_next(&iter)))
        if (yyjson_equals_strn(name, key, len))
            found = yyjson_obj_iter_get_val(name);
    return yyjson_is_null(found) ? NULL : found;
}
