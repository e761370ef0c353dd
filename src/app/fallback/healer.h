/*
 * The thread that heals pods: it looks at each stuck one that it is told of, and gives its
 * containers the images back that they were created with. What may be changed is heal_plan's
 * decision, which one is looked at next heal_queue's; here the API server is asked, and it is told.
 *
 * Every replica has one. All may try: a patch applies only to the pod as it was read.
 */
#ifndef PULLTHROUGH_SRC_APP_FALLBACK_HEALER_H
#define PULLTHROUGH_SRC_APP_FALLBACK_HEALER_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/kube/pull_failure.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>
#include <stdint.h>

struct healer_parts {
    struct metrics *metrics;
    /* Whether the cache is known to give an image below the host ("dockercache/library/nginx:1.27",
     * prefix "dockercache"). From the thread. */
    bool (*is_well)(void *context, struct slice prefix, struct slice name);
    void *context;
};

struct healer;

struct healer *healer_new(const struct healer_parts *parts);
/* -1 with the reason. Signals must be blocked in the caller. */
int healer_start(struct healer *healer, struct error *error);
/* Tell the thread to end, which may take a second. */
void healer_end(struct healer *healer);
/* Ends the thread, if it runs, and frees everything. NULL is allowed. */
void healer_free(struct healer *healer);

/* Heal by this configuration, below this registry's host, from now on; nothing where the
 * configuration says so or the host is empty: then what waits is forgotten, else each is judged by
 * the new one. Any thread. */
void healer_configure(struct healer *healer, const struct config *config, struct slice host);

/* A pull failed, so long ago. `replayed`: this was told before. Any thread. */
void healer_add(struct healer *healer, const struct pull_failure *failure, int64_t age_ms,
                bool replayed);

#endif
