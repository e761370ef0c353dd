/*
 * Policies are built as JSON values, so that what is printed is always valid JSON; their members
 * stand in the order in which AWS's own documents show them. Everything that goes into a policy has
 * been checked to be plain text, so a value is missing only for want of memory.
 */
#include "iam_document.h"

#include "pullthrough/core/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1024 };

void iam_add(json_t *list, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    alloc_must(json_array_append_new(list, json_string(text)) == 0);
}

json_t *iam_names(const char *const *names)
{
    json_t *list = alloc_made(json_array());

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
    alloc_must(json_object_set_new(statement, name, value) == 0);
}

json_t *iam_allow(json_t *statements, const char *sid, json_t *actions, json_t *resources)
{
    json_t *statement = alloc_made(json_pack("{s:s, s:s}", "Sid", sid, "Effect", "Allow"));

    iam_set(statement, "Action", iam_simple(actions));
    if (resources)
        iam_set(statement, "Resource", iam_simple(resources));
    alloc_must(json_array_append_new(statements, statement) == 0);
    return statement;
}

void iam_print(struct strbuf *out, json_t *statements)
{
    json_t *policy =
        alloc_made(json_pack("{s:s, s:o}", "Version", "2012-10-17", "Statement", statements));
    char *text = alloc_made(json_dumps(policy, JSON_INDENT(2)));

    strbuf_add_str(out, text);
    strbuf_add_char(out, '\n');
    free(text);
    json_decref(policy);
}
