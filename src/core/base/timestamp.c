/*
 * The proleptic Gregorian calendar in integers: what timegm() and gmtime_r() do, but
 * refusing fields out of range where timegm() would carry them over.
 */
#include "pullthrough/core/base/timestamp.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    DAY_S = 24 * 60 * 60,
    DAYS_TO_1970 = 719528, /* from 0000-01-01 */
};

static const int64_t last_second = 253402300799; /* 9999-12-31T23:59:59Z */

struct fields {
    unsigned year, month, day, hour, minute, second;
};

/* Days from 0000-01-01 to January 1st of a year. */
static int64_t days_before_year(int64_t year)
{
    int64_t before = year - 1; /* the last whole year; year 0 is a leap year */

    return year == 0 ? 0 : 366 + before * 365 + before / 4 - before / 100 + before / 400;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool are_in_range(const struct fields *f)
{
    return f->year >= 1970 && f->year <= 9999 && f->month >= 1 && f->month <= 12 && f->day >= 1 &&
           f->day <= days_in_month(f->year, f->month) && f->hour <= 23 && f->minute <= 59 &&
           f->second <= 60; /* 60: a leap second, counted as the next one */
}

static int64_t to_seconds(const struct fields *f)
{
    int64_t days = days_before_year(f->year) - DAYS_TO_1970 + f->day - 1;

    for (unsigned month = 1; month < f->month; month++)
        days += days_in_month(f->year, month);
    return days * DAY_S + f->hour * 3600 + f->minute * 60 + f->second;
}

/* Cut n digits off the front of *text. */
static bool take_number(struct slice *text, size_t n, unsigned *number)
{
    if (text->len < n)
        return false;
    *number = 0;
    for (size_t i = 0; i < n; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return false;
        *number = *number * 10 + (unsigned)(text->ptr[i] - '0');
    }
    *text = slice_from(*text, n);
    return true;
}

static bool take_char(struct slice *text, const char *any_of)
{
    if (text->len == 0 || !text->ptr[0] || !strchr(any_of, text->ptr[0]))
        return false;
    *text = slice_from(*text, 1);
    return true;
}

static bool take_clock(struct slice *text, struct fields *f)
{
    return take_number(text, 2, &f->hour) && take_char(text, ":") &&
           take_number(text, 2, &f->minute) && take_char(text, ":") &&
           take_number(text, 2, &f->second);
}

static bool take_fraction(struct slice *text)
{
    unsigned digit;

    if (!take_char(text, "."))
        return true;
    if (!take_number(text, 1, &digit))
        return false;
    while (take_number(text, 1, &digit))
        ;
    return true;
}

/* "Z" or "+hh:mm", as seconds east of Greenwich. */
static bool take_offset(struct slice *text, int64_t *east_s)
{
    bool west = text->len > 0 && text->ptr[0] == '-';
    unsigned hours, minutes;

    *east_s = 0;
    if (take_char(text, "Zz"))
        return true;
    if (!take_char(text, "+-") || !take_number(text, 2, &hours) || !take_char(text, ":") ||
        !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *east_s = (int64_t)hours * 3600 + minutes * 60;
    if (west)
        *east_s = -*east_s;
    return true;
}

int timestamp_parse_rfc3339(struct slice text, int64_t *seconds, struct error *error)
{
    struct slice rest = text;
    struct fields f;
    int64_t east_s;

    if (!take_number(&rest, 4, &f.year) || !take_char(&rest, "-") ||
        !take_number(&rest, 2, &f.month) || !take_char(&rest, "-") ||
        !take_number(&rest, 2, &f.day) || !take_char(&rest, "Tt ") || !take_clock(&rest, &f) ||
        !take_fraction(&rest) || !take_offset(&rest, &east_s) || rest.len > 0 || !are_in_range(&f))
        return error_set(error, "\"%.*s\" is not an RFC 3339 time", SLICE_FMT(text));
    *seconds = to_seconds(&f) - east_s;
    return 0;
}

static bool take_month(struct slice *text, unsigned *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (unsigned i = 0; i < 12; i++)
        if (slice_starts_with(*text, slice_of(names + (size_t)3 * i, 3))) {
            *text = slice_from(*text, 3);
            *month = i + 1;
            return true;
        }
    return false;
}

int timestamp_parse_http(struct slice text, int64_t *seconds, struct error *error)
{
    struct slice rest = text;
    struct fields f;

    if (rest.len > 3)
        rest = slice_from(rest, 3); /* the day's name */
    if (!take_char(&rest, ",") || !take_char(&rest, " ") || !take_number(&rest, 2, &f.day) ||
        !take_char(&rest, " ") || !take_month(&rest, &f.month) || !take_char(&rest, " ") ||
        !take_number(&rest, 4, &f.year) || !take_char(&rest, " ") || !take_clock(&rest, &f) ||
        !slice_is(rest, " GMT") || !are_in_range(&f))
        return error_set(error, "\"%.*s\" is not an HTTP date", SLICE_FMT(text));
    *seconds = to_seconds(&f);
    return 0;
}

static struct fields to_fields(int64_t seconds)
{
    struct fields f = {.month = 1};
    int64_t days;
    unsigned left;

    seconds = seconds < 0 ? 0 : seconds > last_second ? last_second : seconds;
    days = seconds / DAY_S + DAYS_TO_1970;
    left = (unsigned)(seconds % DAY_S);
    f.year = (unsigned)(days / 366); /* never past the year that is meant */
    while (days_before_year((int64_t)f.year + 1) <= days)
        f.year++;
    days -= days_before_year(f.year);
    for (; days >= days_in_month(f.year, f.month); f.month++)
        days -= days_in_month(f.year, f.month);
    f.day = (unsigned)days + 1;
    f.hour = left / 3600;
    f.minute = left / 60 % 60;
    f.second = left % 60;
    return f;
}

void timestamp_print_rfc3339(struct strbuf *out, int64_t seconds)
{
    struct fields f = to_fields(seconds);

    strbuf_add_format(out, "%04u-%02u-%02uT%02u:%02u:%02uZ", f.year, f.month, f.day, f.hour,
                      f.minute, f.second);
}

void timestamp_print_basic(int64_t seconds, char text[static TIMESTAMP_BASIC_BYTES])
{
    struct fields f = to_fields(seconds);

    (void)snprintf(text, TIMESTAMP_BASIC_BYTES, "%04u%02u%02uT%02u%02u%02uZ", f.year % 10000,
                   f.month % 100, f.day % 100, f.hour % 100, f.minute % 100, f.second % 100);
}
