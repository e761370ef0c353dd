/*
 * Private to the completion_*.c: the answer, and the values of it that no table knows.
 */
#ifndef PULLTHROUGH_SRC_APP_CLI_COMPLETION_VALUES_H
#define PULLTHROUGH_SRC_APP_CLI_COMPLETION_VALUES_H

#include "command.h"

/* What is typed, and what was said before it that counts for values. */
struct completion {
    struct strbuf *out;
    struct slice before;             /* of the word, what stays: "--region=" */
    struct slice start;              /* and what is to be completed */
    const char *config, *kubeconfig; /* as given; or NULL */
};

/* Append the value, if it begins so and isn't there; `about` may be "". */
void completion_add(struct completion *completion, struct slice value, const char *about);
/* The values of a kind that no table knows. Nothing where they can't be found out. */
void completion_add_values(struct completion *completion, enum command_values values);

#endif
