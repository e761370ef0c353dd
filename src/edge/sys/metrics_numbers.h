/*
 * What is counted, and shared by the counting (metrics.c) and the table (metrics_table.c). Private
 * to the metrics. Where there are "done" and "failed", the first number is what was done.
 */
#ifndef PULLTHROUGH_SRC_EDGE_SYS_METRICS_NUMBERS_H
#define PULLTHROUGH_SRC_EDGE_SYS_METRICS_NUMBERS_H

#include "pullthrough/edge/sys/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

enum { METRICS_BUCKETS = 16 };
extern const int64_t metrics_bounds_us[METRICS_BUCKETS];

enum { METRICS_NONE = -1 };

typedef atomic_int_fast64_t number;

struct metrics {
    char *version, *commit;
    number reviews[REVIEW_OPERATION_COUNT][REVIEW_OUTCOME_COUNT];
    number images[METRICS_SLOTS][OUTCOME_COUNT];
    number duration_buckets[METRICS_BUCKETS + 1]; /* the last one: longer than all bounds */
    number duration_ns;
    number connections, refused, evicted[METRICS_PORT_COUNT];
    number handshakes[2], config_reloads[2], config_successful, config_success_s;
    number certificate_reloads[2], certificate_problem;
    number certificate_not_before[METRICS_CERTIFICATE_COUNT];
    number certificate_not_after[METRICS_CERTIFICATE_COUNT]; /* 0: none is loaded */
    number certificate_looks[2], certificate_writes[METRICS_CERTIFICATE_WRITE_COUNT];
    number passes[METRICS_PASS_COUNT], last_success_s;
    number aws_requests[AWS_OPERATION_COUNT][AWS_OUTCOME_COUNT];
    number aws_duration_ms[AWS_SERVICE_COUNT];
    number pull_failures[METRICS_SLOTS][PULL_CLASS_COUNT];
    number fallback_images, fallback_upstreams, registry_down, pull_watch;
    number unheard[METRICS_UNHEARD_COUNT], heals[METRICS_HEAL_COUNT];
    number cached[2], import_queue; /* by tag and by digest; METRICS_NONE: not followed */
    number imports[METRICS_SLOTS][IMAGE_OUTCOME_COUNT], wishes_dropped;
    number ready[METRICS_SLOTS]; /* METRICS_NONE: not configured now */
    number state[METRICS_SLOTS]; /* METRICS_NONE: that, or switched off */
    pthread_mutex_t names_lock;  /* for adding; a name that is there never changes */
    char *names[METRICS_SLOTS];
    atomic_uint n_names;
};

static inline int64_t metrics_value(const number *counted)
{
    return atomic_load_explicit(counted, memory_order_relaxed);
}

#endif
