/*
 * What the log is told of single images, and of the upstreams that they are imported from.
 */
#ifndef PULLTHROUGH_SRC_APP_CACHE_IMPORTER_LOG_H
#define PULLTHROUGH_SRC_APP_CACHE_IMPORTER_LOG_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/cache/import_plan.h"

/* An IMPORT_GET that was answered, with what the plan was answered: at level debug. `problem` is
 * empty where it succeeded. */
void importer_log_import(const struct import_call *call, enum image_outcome outcome,
                         const struct error *problem);

/* That the upstream pauses since `now`, if it does. */
void importer_log_throttled(const struct import_plan *plan, const struct import_upstream *upstreams,
                            size_t upstream, const struct error *problem, int64_t now);

/* The image that was refused at `now`, if one was, unless for the reason that was told last, which
 * is kept in `told` (owned by the caller, who frees it; NULL at first). */
void importer_log_refusal(const struct import_plan *plan, char **told, int64_t now);

#endif
