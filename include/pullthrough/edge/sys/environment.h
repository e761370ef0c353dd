/*
 * Environment variables, behind a function so that tests can give their own.
 */
#ifndef PULLTHROUGH_EDGE_SYS_ENVIRONMENT_H
#define PULLTHROUGH_EDGE_SYS_ENVIRONMENT_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

struct environment {
    const char *(*get)(void *context, const char *name); /* NULL: not set */
    void *context;
};

/* The process's own. Nobody may change it (setenv) while it is used. */
struct environment environment_of_process(void);

/* A variable's value; empty where it is not set or set to nothing, which AWS's tools treat
 * alike. Borrowed from the environment. */
struct slice environment_get(const struct environment *environment, const char *name);
/* The same as a NUL-terminated text, "" where it is not set. */
const char *environment_text(const struct environment *environment, const char *name);

/* Whether it says "true", in any case. */
bool environment_is_true(const struct environment *environment, const char *name);

#endif
