/*
 * What the request path asks: whether an image may be sent to the cache now.
 *
 * Immutable and counted: made by the thread that owns the state, read by any number of threads
 * without a lock, and without a clock (who owns the state makes a new one when something ends).
 * NULL is a table that turns nothing away, and asking it costs nothing.
 */
#ifndef PULLTHROUGH_CORE_FALLBACK_FALLBACK_TABLE_H
#define PULLTHROUGH_CORE_FALLBACK_FALLBACK_TABLE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/fallback/fallback.h"

struct fallback_table;

/* What `fallback` turns away as of its last call; NULL if nothing. One reference. */
struct fallback_table *fallback_table_new(const struct fallback *fallback);
/* Any thread; the last one frees. NULL is allowed to both. */
struct fallback_table *fallback_table_ref(struct fallback_table *table);
void fallback_table_unref(struct fallback_table *table);

enum fallback_answer {
    FALLBACK_GO_ON,         /* to the cache */
    FALLBACK_PULL_FAILED,   /* the image, or its upstream, failed a short while ago */
    FALLBACK_REGISTRY_DOWN, /* before the other */
};

/* Of an image by its name below the host, "dockercache/library/nginx:1.27", that begins with the
 * prefix of its upstream. */
enum fallback_answer fallback_table_ask(const struct fallback_table *table, struct slice prefix,
                                        struct slice image);

/* For /status and metrics; all zero of NULL. Times are those of the state: its now_ms. */
struct fallback_counts {
    size_t images, upstreams;           /* entries */
    size_t away_images, away_upstreams; /* of these, without those that are `own` */
    bool open;                          /* the registry is down */
    int64_t open_since_ms;              /* while it is */
};
struct fallback_counts fallback_table_counts(const struct fallback_table *table);

/* One of counts.upstreams + counts.images, upstreams first. The texts live as long as the table. */
struct fallback_entry {
    struct slice name;     /* an upstream's prefix, or an image below the host */
    enum pull_class class; /* of the failure that began it */
    bool own; /* that was of its own name: it goes to the cache, whatever is turned away */
    int64_t since_ms, until_ms;
};
struct fallback_entry fallback_table_entry(const struct fallback_table *table, size_t i);

#endif
