/*
 * Optimal string alignment distance, three rows of the table at a time.
 */
#include "pullthrough/core/base/spelling.h"

enum { WORD_MAX = 32 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b)
{
    return lower(a) == lower(b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t spelling_distance(struct slice a, struct slice b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    if (a.len > WORD_MAX || b.len > WORD_MAX)
        return SPELLING_FAR;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *oldest = before;

        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t exchange = above[j - 1] + (same(a.ptr[i - 1], b.ptr[j - 1]) ? 0 : 1);

            row[j] = least(exchange, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a.ptr[i - 1], b.ptr[j - 2]) &&
                same(a.ptr[i - 2], b.ptr[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b.len];
}

bool spelling_is_slip(struct slice written, struct slice meant)
{
    size_t allowed = (meant.len + 1) / 3;

    return spelling_distance(written, meant) <= (allowed ? allowed : 1);
}

void spelling_try(struct spelling *spelling, const char *name)
{
    struct slice meant = slice_str(name);
    size_t distance = spelling_distance(spelling->written, meant);

    if (!spelling_is_slip(spelling->written, meant) ||
        (spelling->nearest && spelling->distance <= distance))
        return;
    spelling->nearest = name;
    spelling->distance = distance;
}
