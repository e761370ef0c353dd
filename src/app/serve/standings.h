/*
 * How each upstream stands, in words, and since when. Kept by the upkeep thread alone.
 */
#ifndef PULLTHROUGH_APP_SERVE_STANDINGS_H
#define PULLTHROUGH_APP_SERVE_STANDINGS_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct standing {
    char *registry;    /* owned */
    const char *state; /* a word; static */
    char *reason;      /* a sentence; owned */
    int64_t since_s;   /* of the state */
};

/* The zero value is empty. */
struct standings {
    struct standing *rows;
    size_t n;
};

void standings_fini(struct standings *standings);

/* State is a static string, the reason is copied. The time counts only where the state is another
 * one than before; then true. */
bool standings_set(struct standings *standings, struct slice registry, const char *state,
                   const char *reason, int64_t now_s);

/* Borrowed until the next standings_set(); NULL if it was never set. */
const struct standing *standings_get(const struct standings *standings, struct slice registry);

#endif
