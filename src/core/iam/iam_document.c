/*
 * Policies are built as JSON values, so that what is printed is always valid JSON; their members
 * stand in the order in which AWS's own documents show them.
 */
#include "iam_document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1024 };

json_t *iam_made(json_t *value)
{
    if (!value)
        abort();
    return value;
}

void iam_add(json_t *list, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (json_array_append_new(list, iam_made(json_string(text))) != 0)
        abort();
}

json_t *iam_names(const char *const *names)
{
    json_t *list = iam_made(json_array());

    for (; *names; names++)
        iam_add(list, "%s", *names);
    return list;
}

json_t *iam_simple(json_t *list)
{
    json_t *only;

    if (json_array_size(list) != 1)
        return list;
    only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

void iam_set(json_t *statement, const char *name, json_t *value)
{
    if (json_object_set_new(statement, name, iam_made(value)) != 0)
        abort();
}

json_t *iam_allow(json_t *statements, const char *sid, json_t *actions, json_t *resources)
{
    json_t *statement = iam_made(json_pack("{s:s, s:s}", "Sid", sid, "Effect", "Allow"));

    iam_set(statement, "Action", iam_simple(actions));
    if (resources)
        iam_set(statement, "Resource", iam_simple(resources));
    if (json_array_append_new(statements, statement) != 0)
        abort();
    return statement;
}

void iam_print(struct strbuf *out, json_t *statements)
{
    json_t *policy =
        iam_made(json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements));
    char *text = json_dumps(policy, JSON_INDENT(2));

    if (!text)
        abort();
    strbuf_add_str(out, text);
    strbuf_add_char(out, '\n');
    free(text);
    json_decref(policy);
}
