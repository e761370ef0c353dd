/*
 * The calls that core/cache's plan names, made: at ECR's API and at its registry, with clients of
 * their own, which are made when they are needed. One thread.
 */
#ifndef PULLTHROUGH_SRC_APP_CACHE_IMPORT_CALLS_H
#define PULLTHROUGH_SRC_APP_CACHE_IMPORT_CALLS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/cache/import_plan.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/aws/image_client.h"
#include "pullthrough/edge/sys/metrics.h"

/* Of the zero value timing and metrics are set by the owner, and stay; the rest is the module's. */
struct import_calls {
    struct timing timing;
    struct metrics *metrics;
    const struct config *config; /* in use */
    char *host;
    struct aws_client *aws; /* NULL as long as nothing is asked, as are the next two */
    struct http_client *http;
    struct image_client *images;
};

/* From now on with this configuration (held) at this registry; with NULL nothing is called. */
void import_calls_configure(struct import_calls *calls, const struct config *config,
                            struct slice host);
void import_calls_fini(struct import_calls *calls);

/* Make the call that is under way, and tell the plan what it showed; the answer to it is returned
 * for the caller to tell. It waits for the services as image_client does. In all but IMAGE_THERE
 * the reason is in error, which must live as long as the answer. */
struct import_answer import_calls_make(struct import_calls *calls, struct import_plan *plan,
                                       const struct import_call *call, struct error *error);

#endif
