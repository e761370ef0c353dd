/*
 * A document as YAML in block style, member by member. Our documents are a few levels deep.
 */
#include "pullthrough/core/json/json_yaml.h"

#include "pullthrough/core/base/yaml_text.h"

#include <yyjson.h>

enum { INDENT = 2 };

static void print_value(struct strbuf *out, yyjson_val *value, size_t indent, bool behind_dash);

/* What stands behind "key:" or "-". */
static void print_below(struct strbuf *out, yyjson_val *value, size_t indent, bool behind_dash)
{
    bool block = yyjson_is_ctn(value) && unsafe_yyjson_get_len(value) > 0;

    if (!block || (behind_dash && yyjson_is_obj(value))) {
        strbuf_add_char(out, ' ');
        print_value(out, value, indent, true);
    } else {
        strbuf_add_char(out, '\n');
        print_value(out, value, indent, false);
    }
}

static void print_object(struct strbuf *out, yyjson_val *object, size_t indent, bool behind_dash)
{
    yyjson_obj_iter iter;
    yyjson_val *key;

    (void)yyjson_obj_iter_init(object, &iter);
    for (bool first = true; (key = yyjson_obj_iter_next(&iter)); first = false) {
        if (!first || !behind_dash)
            strbuf_add_format(out, "%*s", (int)indent, "");
        yaml_text_print(out, slice_of(yyjson_get_str(key), yyjson_get_len(key)));
        strbuf_add_char(out, ':');
        print_below(out, yyjson_obj_iter_get_val(key), indent + INDENT, false);
    }
}

static void print_array(struct strbuf *out, yyjson_val *array, size_t indent)
{
    yyjson_arr_iter iter;
    yyjson_val *item;

    (void)yyjson_arr_iter_init(array, &iter);
    while ((item = yyjson_arr_iter_next(&iter))) {
        strbuf_add_format(out, "%*s-", (int)indent, "");
        print_below(out, item, indent + INDENT, true);
    }
}

/* Whole lines; the first begins where we are `behind_dash`. */
static void print_value(struct strbuf *out, yyjson_val *value, size_t indent, bool behind_dash)
{
    if (yyjson_is_ctn(value) && unsafe_yyjson_get_len(value) == 0)
        strbuf_add_str(out, yyjson_is_obj(value) ? "{}\n" : "[]\n");
    else if (yyjson_is_obj(value))
        print_object(out, value, indent, behind_dash);
    else if (yyjson_is_arr(value))
        print_array(out, value, indent);
    else {
        if (yyjson_is_str(value))
            yaml_text_print(out, slice_of(yyjson_get_str(value), yyjson_get_len(value)));
        else if (yyjson_is_raw(value))
            strbuf_add(out, yyjson_get_raw(value), yyjson_get_len(value));
        else
            strbuf_add_str(out, yyjson_is_null(value)   ? "null"
                                : yyjson_is_true(value) ? "true"
                                                        : "false");
        strbuf_add_char(out, '\n');
    }
}

int json_yaml_print(struct strbuf *out, struct slice json)
{
    yyjson_doc *doc =
        yyjson_read_opts((char *)json.ptr, json.len, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);

    if (!doc)
        return -1;
    print_value(out, yyjson_doc_get_root(doc), 0, false);
    yyjson_doc_free(doc);
    return 0;
}
