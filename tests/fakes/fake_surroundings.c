#include "fake_surroundings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *get(void *context, const char *name)
{
    const struct fake_surroundings *fake = context;

    for (size_t i = 0; i < fake->n_variables; i++)
        if (strcmp(fake->variables[i].name, name) == 0)
            return fake->variables[i].value;
    return NULL;
}

static int64_t wall_s(void *context)
{
    const struct fake_surroundings *fake = context;

    return fake->wall_s;
}

static uint64_t monotonic_ms(void *context)
{
    const struct fake_surroundings *fake = context;

    return fake->monotonic_ms;
}

static uint32_t random_bits(void *context)
{
    const struct fake_surroundings *fake = context;

    return fake->random;
}

static bool wait_ms(void *context, uint64_t ms)
{
    struct fake_surroundings *fake = context;

    if (fake->stopped)
        return false;
    if (fake->n_waits == FAKE_WAITS_MAX)
        abort();
    fake->waits_ms[fake->n_waits++] = ms;
    fake->monotonic_ms += ms;
    fake->wall_s += (int64_t)(ms / 1000);
    return true;
}

static bool stopped(void *context)
{
    const struct fake_surroundings *fake = context;

    return fake->stopped;
}

void fake_surroundings_init(struct fake_surroundings *fake)
{
    *fake = (struct fake_surroundings){
        .environment = {.get = get, .context = fake},
        .timing = {.wall_s = wall_s,
                   .monotonic_ms = monotonic_ms,
                   .random = random_bits,
                   .wait = wait_ms,
                   .stopped = stopped,
                   .context = fake},
        .wall_s = FAKE_TIME_S,
        .monotonic_ms = 1000,
        .random = UINT32_C(1) << 31,
    };
}

void fake_surroundings_fini(struct fake_surroundings *fake)
{
    for (size_t i = 0; i < fake->n_variables; i++) {
        free(fake->variables[i].name);
        free(fake->variables[i].value);
    }
}

void fake_surroundings_set(struct fake_surroundings *fake, const char *name, const char *value)
{
    size_t i = 0;

    while (i < fake->n_variables && strcmp(fake->variables[i].name, name) != 0)
        i++;
    if (i == fake->n_variables) {
        if (i == FAKE_VARIABLES_MAX)
            abort();
        fake->variables[i].name = strdup(name);
        fake->n_variables++;
    } else {
        free(fake->variables[i].value);
    }
    fake->variables[i].value = value ? strdup(value) : NULL;
    if (!fake->variables[i].name || (value && !fake->variables[i].value))
        abort();
}

void fake_surroundings_set_format(struct fake_surroundings *fake, const char *name,
                                  const char *format, ...)
{
    char value[2048];
    va_list args;

    va_start(args, format);
    if (vsnprintf(value, sizeof(value), format, args) >= (int)sizeof(value))
        abort();
    va_end(args);
    fake_surroundings_set(fake, name, value);
}
