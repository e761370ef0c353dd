/*
 * Private to the iam_*.c: a policy document as it is put together.
 */
#ifndef PULLTHROUGH_SRC_CORE_IAM_DOCUMENT_H
#define PULLTHROUGH_SRC_CORE_IAM_DOCUMENT_H

#include "pullthrough/core/iam/iam_policy.h"

#include <jansson.h>

/* Append a text to a list. */
void iam_add(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A list of names, up to a NULL. */
json_t *iam_names(const char *const *names);

/* The list, or the one text that it holds, as people write it. Takes the list over. */
json_t *iam_simple(json_t *list);

/* Append a statement that allows these actions on these resources (lists, taken over; resources
 * NULL: a trust policy has none). Returns it, borrowed. */
json_t *iam_allow(json_t *statements, const char *sid, json_t *actions, json_t *resources);

/* Give a statement another member, which is taken over. */
void iam_set(json_t *statement, const char *name, json_t *value);

/* Append the whole document; takes the statements over. */
void iam_print(struct strbuf *out, json_t *statements);

#endif
