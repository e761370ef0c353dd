/*
 * The upkeep thread: plain blocking code beside the loops. It looks whether the configuration or
 * the certificate files changed, loads what did, takes what its two helpers found (the reconciler
 * and the certificate keeper, threads too), and publishes a new snapshot. What is broken is
 * refused, logged and counted; what was in use goes on.
 */
#ifndef PULLTHROUGH_APP_SERVE_UPKEEP_H
#define PULLTHROUGH_APP_SERVE_UPKEEP_H

#include "pullthrough/app/cache/wish_rings.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/http/tls.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/metrics.h"
#include "snapshot.h"

struct upkeep;

struct upkeep_parts {
    const char *config_path;        /* NULL: no file, the defaults */
    struct file_stamp config_stamp; /* taken before the file was read */
    struct snapshots *snapshots;    /* borrowed, as are the next */
    struct metrics *metrics;
    struct tls *tls;
    struct wish_rings *wishes; /* of the loops */
};

/* Holds `config`, which is in use already; loads the certificate and publishes the first
 * snapshot. A certificate that can't be loaded is not a failure: it is looked at again. */
struct upkeep *upkeep_new(const struct upkeep_parts *parts, const struct config *config);

/* All three threads. -1 with the reason in error. Signals must be blocked in the caller. */
int upkeep_start(struct upkeep *upkeep, struct error *error);

/* Read everything again now, changed or not (SIGHUP). Any thread. */
void upkeep_reload(struct upkeep *upkeep);

/* Ends the threads that run, and frees everything. NULL is allowed. */
void upkeep_free(struct upkeep *upkeep);

#endif
