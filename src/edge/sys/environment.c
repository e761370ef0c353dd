/*
 * getenv() behind a pointer. An unset variable and an empty one are the same, as AWS's own
 * tools have it.
 */
#include "pullthrough/edge/sys/environment.h"

#include <stdlib.h>
#include <strings.h>

static const char *get(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

struct environment environment_of_process(void)
{
    return (struct environment){.get = get};
}

const char *environment_text(const struct environment *environment, const char *name)
{
    const char *value = environment->get(environment->context, name);

    return value ? value : "";
}

struct slice environment_get(const struct environment *environment, const char *name)
{
    return slice_str(environment_text(environment, name));
}

bool environment_is_true(const struct environment *environment, const char *name)
{
    return strcasecmp(environment_text(environment, name), "true") == 0;
}
