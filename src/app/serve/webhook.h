/*
 * POST /mutate: one admission review. Calls core, counts and logs what came out, and hands on which
 * images were missed in the cache.
 */
#ifndef PULLTHROUGH_APP_SERVE_WEBHOOK_H
#define PULLTHROUGH_APP_SERVE_WEBHOOK_H

#include "pullthrough/app/cache/wish_rings.h"
#include "pullthrough/edge/http/http_server.h"
#include "pullthrough/edge/sys/metrics.h"
#include "snapshot.h"

struct webhook {
    struct snapshots *snapshots; /* borrowed, with one published; as is the next */
    struct metrics *metrics;
    struct wish_rings *wishes; /* of as many loops; takes what ECR doesn't hold */
};

/* An http_route_fn; the context is a struct webhook. */
void webhook_mutate(void *context, const struct http_request *request,
                    struct http_response *response);

#endif
