/*
 * yyjson in place: strings are unescaped within the buffer and values only point into it.
 */
#include "pullthrough/core/aws/secret_json.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdlib.h>
#include <yyjson.h>

struct secret_json {
    struct strbuf bytes;
    yyjson_doc *doc;
};

int secret_json_parse(struct secret_json **jsonp, struct slice text, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = alloc_zeroed(1, sizeof(*json));
    yyjson_read_err problem = {0};

    if (text.len > SECRET_JSON_MAX)
        return error_set(error, "the JSON has over %d bytes", SECRET_JSON_MAX);
    json->bytes = (struct strbuf)STRBUF_SECRET_INIT(SECRET_JSON_MAX + YYJSON_PADDING_SIZE);
    strbuf_add_slice(&json->bytes, text);
    strbuf_add(&json->bytes, "\0\0\0\0", YYJSON_PADDING_SIZE);
    json->doc = yyjson_read_opts(json->bytes.ptr, text.len, YYJSON_READ_INSITU, NULL, &problem);
    if (!json->doc)
        return error_set(error, "malformed JSON at byte %zu", problem.pos);
    if (!yyjson_is_obj(yyjson_doc_get_root(json->doc)))
        return error_set(error, "the JSON is not an object");
    *jsonp = json;
    json = NULL;
    return 0;
}

void secret_json_free(struct secret_json *json)
{
    if (!json)
        return;
    yyjson_doc_free(json->doc);
    strbuf_fini(&json->bytes);
    free(json);
}

/* NULL with *twice false: absent. */
static yyjson_val *find(yyjson_val *object, struct slice name, bool *twice)
{
    yyjson_val *key, *found = NULL;
    yyjson_obj_iter iter;

    yyjson_obj_iter_init(object, &iter);
    while ((key = yyjson_obj_iter_next(&iter)))
        if (yyjson_equals_strn(key, name.ptr, name.len)) {
            *twice = *twice || found;
            found = yyjson_obj_iter_get_val(key);
        }
    return found;
}

static yyjson_val *step(yyjson_val *value, struct slice name, bool *twice)
{
    if (yyjson_is_obj(value))
        return find(value, name, twice);
    if (name.len == 1 && name.ptr[0] >= '0' && name.ptr[0] <= '9')
        return yyjson_arr_get(value, (size_t)(name.ptr[0] - '0'));
    return NULL;
}

/* The value at `path`, or NULL; -1: one of the names is there twice. */
static int find_path(const struct secret_json *json, const char *path, yyjson_val **value,
                     struct error *error)
{
    struct slice rest = slice_str(path);
    bool twice = false;

    *value = yyjson_doc_get_root(json->doc);
    for (;;) {
        size_t end = slice_find(rest, '/');

        *value = step(*value, slice_of(rest.ptr, end), &twice);
        if (twice)
            return error_set(error, "%s is there twice", path);
        if (end == rest.len)
            break;
        rest = slice_from(rest, end + 1);
    }
    return !*value || yyjson_is_null(*value) ? SECRET_JSON_ABSENT : 0;
}

int secret_json_text(const struct secret_json *json, const char *path, struct slice *text,
                     struct error *error)
{
    yyjson_val *value;
    int result = find_path(json, path, &value, error);

    *text = (struct slice){0};
    if (result != 0)
        return result;
    if (!yyjson_is_str(value))
        return error_set(error, "%s is not a string", path);
    *text = slice_of(yyjson_get_str(value), yyjson_get_len(value));
    return 0;
}

int secret_json_number(const struct secret_json *json, const char *path, int64_t *number,
                       struct error *error)
{
    yyjson_val *value;
    int result = find_path(json, path, &value, error);

    *number = 0;
    if (result != 0)
        return result;
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX)
        return error_set(error, "%s is not a whole number", path);
    *number = (int64_t)yyjson_get_uint(value);
    return 0;
}
