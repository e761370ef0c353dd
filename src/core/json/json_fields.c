/*
 * A thin layer over jansson for answers of services: duplicates and control characters are
 * refused, unknown members passed over. Reasons name members and positions; jansson's own texts
 * quote what it read.
 */
#include "pullthrough/core/json/json_fields.h"

json_t *json_fields_parse(struct slice text, struct error *error)
{
    json_error_t problem;
    json_t *root = NULL;

    if (text.len > 0)
        root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!root) {
        /* not the parser's text: it quotes what it read */
        (void)error_set(error, "malformed JSON at byte %d", text.len ? problem.position : 0);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        (void)error_set(error, "the JSON is not an object");
        return NULL;
    }
    return root;
}

static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_null(value) ? NULL : value;
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

static int read_text(const json_t *object, const struct json_text_field *field, struct arena *arena,
                     struct error *error)
{
    const json_t *value = member(object, field->name);
    size_t len;

    *field->text = "";
    if (value && !json_is_string(value))
        return error_set(error, "%s is not a string", field->name);
    len = value ? json_string_length(value) : 0;
    if (len == 0)
        return field->required ? error_set(error, "%s is missing", field->name) : 0;
    if (len > field->max_bytes)
        return error_set(error, "%s has over %zu bytes", field->name, field->max_bytes);
    if (has_control(json_string_value(value), len))
        return error_set(error, "%s has control characters", field->name);
    *field->text = arena_text(arena, slice_of(json_string_value(value), len));
    return 0;
}

int json_fields_texts(const json_t *object, const struct json_text_field *fields, size_t n,
                      struct arena *arena, struct error *error)
{
    if (!json_is_object(object))
        return error_set(error, "an item is not an object");
    for (size_t i = 0; i < n; i++)
        if (read_text(object, &fields[i], arena, error) < 0)
            return -1;
    return 0;
}

int json_fields_list(const json_t *object, const char *name, size_t max, const json_t **list,
                     struct error *error)
{
    *list = member(object, name);
    if (*list && !json_is_array(*list))
        return error_set(error, "%s is not an array", name);
    if (json_array_size(*list) > max)
        return error_set(error, "%s has over %zu items", name, max);
    return 0;
}

int json_fields_bool(const json_t *object, const char *name, bool *value, struct error *error)
{
    const json_t *found = member(object, name);

    if (!found)
        return error_set(error, "%s is missing", name);
    if (!json_is_boolean(found))
        return error_set(error, "%s is not a boolean", name);
    *value = json_is_true(found);
    return 0;
}
