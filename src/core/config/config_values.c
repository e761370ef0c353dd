/*
 * Numbers with units. Binary sizes only, because a "MB" means two things; no fractions,
 * no signs, no spaces, no overflow that wraps.
 */
#include "pullthrough/core/config/config_values.h"

#include <stddef.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* From large to small, as they are printed. */
static const struct unit size_units[] = {
    {"GiB", 1024 * 1024 * 1024}, {"MiB", 1024 * 1024}, {"KiB", 1024}, {"B", 1}};
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum {
    SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]),
    DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0])
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Cut the bytes for which is_digit() == digits off the front of *text. */
static struct slice take_run(struct slice *text, bool digits)
{
    struct slice run = {.ptr = text->ptr};

    while (run.len < text->len && is_digit(text->ptr[run.len]) == digits)
        run.len++;
    *text = slice_from(*text, run.len);
    return run;
}

/* false: over 64 bits */
static bool digits_value(struct slice digits, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < digits.len; i++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(digits.ptr[i] - '0'), value))
            return false;
    return true;
}

int config_bool_parse(struct slice text, bool *value, struct error *error)
{
    *value = slice_is(text, "true");
    if (*value || slice_is(text, "false"))
        return 0;
    return error_set(error, "wants true or false");
}

int config_count_parse(struct slice text, uint64_t *value, struct error *error)
{
    struct slice rest = text;
    struct slice digits = take_run(&rest, true);

    if (digits.len == 0 || rest.len)
        return error_set(error, "wants a whole number in decimal digits");
    if (digits.len > 1 && digits.ptr[0] == '0')
        return error_set(error, "a number must not begin with 0");
    if (!digits_value(digits, value))
        return error_set(error, "the number is too large");
    return 0;
}

/* The unit's index, at least `from`; n_units if there is none. */
static size_t find_unit(const struct unit *units, size_t n_units, size_t from, struct slice name)
{
    while (from < n_units && !slice_is(name, units[from].name))
        from++;
    return from;
}

int config_size_parse(struct slice text, uint64_t *bytes, struct error *error)
{
    struct slice rest = text;
    struct slice digits = take_run(&rest, true);
    size_t unit;

    if (digits.len && rest.len == 0)
        return config_count_parse(text, bytes, error);
    unit = find_unit(size_units, SIZE_UNITS, 0, rest);
    if (digits.len == 0 || unit == SIZE_UNITS)
        return error_set(error, "wants a size: digits, then nothing (bytes) or B, KiB, MiB, GiB");
    if (!digits_value(digits, bytes) ||
        __builtin_mul_overflow(*bytes, size_units[unit].factor, bytes))
        return error_set(error, "the size is too large");
    return 0;
}

int config_duration_parse(struct slice text, uint64_t *ms, struct error *error)
{
    struct slice rest = text;
    size_t unit = 0;

    *ms = 0;
    if (slice_is(text, "0"))
        return 0;
    do {
        struct slice digits = take_run(&rest, true);
        struct slice name = take_run(&rest, false);
        uint64_t part;

        if (digits.len == 0 || find_unit(duration_units, DURATION_UNITS, 0, name) == DURATION_UNITS)
            return error_set(error,
                             "wants a duration: digits with ms, s, m, h or d, such as 1m30s, or 0");
        unit = find_unit(duration_units, DURATION_UNITS, unit, name);
        if (unit == DURATION_UNITS)
            return error_set(error,
                             "the units of a duration go from large to small, each at most once");
        if (!digits_value(digits, &part) ||
            __builtin_mul_overflow(part, duration_units[unit].factor, &part) ||
            __builtin_add_overflow(*ms, part, ms))
            return error_set(error, "the duration is too long");
        unit++;
    } while (rest.len);
    return 0;
}

void config_size_print(struct strbuf *out, uint64_t bytes)
{
    size_t unit = 0;

    while (unit < SIZE_UNITS - 1 && (bytes == 0 || bytes % size_units[unit].factor))
        unit++;
    strbuf_add_u64(out, bytes / size_units[unit].factor);
    strbuf_add_str(out, size_units[unit].name);
}

void config_duration_print(struct strbuf *out, uint64_t ms)
{
    if (ms == 0) {
        strbuf_add_str(out, "0s");
        return;
    }
    for (size_t unit = 0; unit < DURATION_UNITS; unit++) {
        if (ms < duration_units[unit].factor)
            continue;
        strbuf_add_u64(out, ms / duration_units[unit].factor);
        strbuf_add_str(out, duration_units[unit].name);
        ms %= duration_units[unit].factor;
    }
}
