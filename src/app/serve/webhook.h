/*
 * POST /mutate: one admission review. Calls core, counts and logs what came out.
 */
#ifndef PULLTHROUGH_APP_SERVE_WEBHOOK_H
#define PULLTHROUGH_APP_SERVE_WEBHOOK_H

#include "mailbox.h"
#include "pullthrough/edge/http/http_server.h"
#include "pullthrough/edge/sys/metrics.h"

struct webhook {
    struct mailbox *mailbox; /* borrowed, with at least one edition; as is the next */
    struct metrics *metrics;
};

/* An http_route_fn; the context is a struct webhook. */
void webhook_mutate(void *context, const struct http_request *request,
                    struct http_response *response);

#endif
