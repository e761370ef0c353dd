/*
 * The status port: /healthz, /readyz, /metrics, /status, and the last as a page: /. Plain HTTP, for
 * kubelet, Prometheus and people. AWS has no say in health, and none in readiness but for this: a
 * replica that has just started is not ready before it has looked at ECR once, or has tried for
 * STATUS_PAGE_FIRST_LOOK_MS; in cached mode, before it has listed what ECR holds, or has tried for
 * STATUS_PAGE_FIRST_LISTING_MS. Were it sent reviews before, it would leave their images alone, and
 * each rolling update of the webhook would cost some.
 */
#ifndef PULLTHROUGH_APP_SERVE_STATUS_PAGE_H
#define PULLTHROUGH_APP_SERVE_STATUS_PAGE_H

#include "pullthrough/edge/http/http_server.h"
#include "pullthrough/edge/http/tls.h"
#include "pullthrough/edge/sys/metrics.h"
#include "snapshot.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct status_page {
    struct snapshots *snapshots; /* borrowed, as all of these */
    struct metrics *metrics;
    const struct tls *tls;
    const struct http_server *server; /* set before the server is started */
    const char *replica;              /* its name, the pod's; "": nobody gave it one */
    uint64_t started_ns;              /* monotonic */
    atomic_bool draining;
};

enum {
    STATUS_PAGE_ROUTES = 5,
    STATUS_PAGE_FIRST_LOOK_MS = 5000,
    STATUS_PAGE_FIRST_LISTING_MS = 20000, /* at five calls a second the 90 newest repositories */
};

/* What /readyz goes by. */
struct status_page_facts {
    bool draining, certificate; /* one is loaded */
    enum snapshot_awaits awaits;
    uint64_t up_ms;
};

/* Why no reviews are to be sent here yet, or any more: a line of text; NULL: they may be. */
const char *status_page_unready(const struct status_page_facts *facts);

/* The five routes, with `page` as their context. */
void status_page_routes(struct status_page *page, struct http_route routes[STATUS_PAGE_ROUTES]);

#endif
