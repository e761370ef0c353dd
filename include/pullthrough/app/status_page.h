/*
 * The status port: /healthz, /readyz, /metrics, /status. Plain HTTP, for kubelet,
 * Prometheus and people; AWS has no say in health or readiness.
 */
#ifndef PULLTHROUGH_APP_STATUS_PAGE_H
#define PULLTHROUGH_APP_STATUS_PAGE_H

#include "pullthrough/app/mailbox.h"
#include "pullthrough/edge/http_server.h"
#include "pullthrough/edge/metrics.h"
#include "pullthrough/edge/tls.h"

#include <stdatomic.h>
#include <stdint.h>

struct status_page {
    struct mailbox *mailbox; /* borrowed, as all of these */
    struct metrics *metrics;
    const struct tls *tls;
    const struct http_server *server; /* set before the server is started */
    int64_t started_s;
    atomic_bool draining;
};

enum { STATUS_PAGE_ROUTES = 4 };

/* The four routes, with `page` as their context. */
void status_page_routes(struct status_page *page, struct http_route routes[STATUS_PAGE_ROUTES]);

#endif
