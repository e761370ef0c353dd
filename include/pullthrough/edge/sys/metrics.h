/*
 * The metrics: a fixed set of counters, gauges, one histogram and one summary, in Prometheus' text
 * format. Labels are bounded: upstreams of the configuration, and words of our own; never
 * an image, a namespace or a pod.
 *
 * Counting is wait-free and allowed from any thread.
 */
#ifndef PULLTHROUGH_EDGE_SYS_METRICS_H
#define PULLTHROUGH_EDGE_SYS_METRICS_H

#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/aws/image_outcome.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/fallback/fallback.h"
#include "pullthrough/core/review/review.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/upstream_status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics;

struct metrics *metrics_new(const char *version, const char *commit);
void metrics_free(struct metrics *metrics);

/* Upstreams are counted by slot. A name keeps its slot for life; when there are more names
 * than slots (reloads with ever new ones) the rest share "other", METRICS_OTHER. Takes a
 * lock: not on the request path. */
enum { METRICS_OTHER = 0, METRICS_SLOTS = 128 };
unsigned metrics_upstream_slot(struct metrics *metrics, struct slice registry);

void metrics_review(struct metrics *metrics, enum review_operation operation,
                    enum review_outcome outcome, uint64_t duration_ns);
void metrics_image(struct metrics *metrics, unsigned slot, enum outcome outcome);
void metrics_connections(struct metrics *metrics, int change);
/* Because something was full: a request got 503, or a connection was closed for a new one. */
enum metrics_port { METRICS_WEBHOOK, METRICS_STATUS, METRICS_PORT_COUNT };
void metrics_refused(struct metrics *metrics);
void metrics_evicted(struct metrics *metrics, enum metrics_port port);
void metrics_handshake(struct metrics *metrics, bool done);
/* A configuration came into use at `now_s`, since 1970: that of the start, and each that is taken.
 */
void metrics_config_loaded(struct metrics *metrics, int64_t now_s);
/* One that was seen while running. */
void metrics_config_reload(struct metrics *metrics, bool taken);
void metrics_certificate_reload(struct metrics *metrics, bool taken);

/* A certificate's validity; a CA's is shown only where there is one. Both 0: none
 * is loaded. */
enum metrics_certificate { METRICS_LEAF, METRICS_CA, METRICS_CERTIFICATE_COUNT };
void metrics_certificate_dates(struct metrics *metrics, enum metrics_certificate kind,
                               int64_t not_before_s, int64_t not_after_s);
/* Whether what there is now could not be taken, or not be kept as it should be. */
void metrics_certificate_problem(struct metrics *metrics, bool is_there);
/* Of the program's own certificates. */
void metrics_certificate_look(struct metrics *metrics, bool done);
enum metrics_certificate_write { METRICS_SECRET, METRICS_BUNDLE, METRICS_CERTIFICATE_WRITE_COUNT };
void metrics_certificate_write(struct metrics *metrics, enum metrics_certificate_write what);

/* Forget which upstreams are configured, then name those that are. One thread. */
void metrics_clear_upstreams(struct metrics *metrics);
void metrics_upstream_ready(struct metrics *metrics, unsigned slot, bool ready);
/* One that is switched off has none. */
void metrics_upstream_state(struct metrics *metrics, unsigned slot, enum upstream_state state);

enum metrics_pass { METRICS_PASS_COMPLETE, METRICS_PASS_INCOMPLETE, METRICS_PASS_FAILED };
enum { METRICS_PASS_COUNT = METRICS_PASS_FAILED + 1 };
/* A pass that ended at `now_s`, since 1970; all but failed ones count as success. */
void metrics_reconcile_pass(struct metrics *metrics, enum metrics_pass outcome, int64_t now_s);

/* One attempt of a call to AWS. */
void metrics_aws_request(struct metrics *metrics, enum aws_operation operation,
                         enum aws_outcome outcome, uint64_t duration_ms);

/* A pull from the cache that a node reported as failed. */
void metrics_pull_failure(struct metrics *metrics, unsigned slot, enum pull_class class);
/* What the cache isn't asked for at present: so many images and upstreams, or (down) anything. */
void metrics_fallback(struct metrics *metrics, size_t images, size_t upstreams, bool down);
/* Whether failed pulls are heard of; shown only where that is wanted. */
void metrics_pull_watch(struct metrics *metrics, bool wanted, bool on);
/* What was not made use of, in all: lines of the watch, and images for which there was no room. */
enum metrics_unheard {
    METRICS_UNHEARD_TOO_LONG,
    METRICS_UNHEARD_MALFORMED,
    METRICS_UNHEARD_NO_ROOM,
    METRICS_UNHEARD_COUNT,
};
void metrics_unheard(struct metrics *metrics, enum metrics_unheard what, uint64_t total);
enum metrics_heal {
    METRICS_HEAL_HEALED,
    METRICS_HEAL_PUT_BACK,
    METRICS_HEAL_FAILED,  /* the API server did not answer, or not as it should */
    METRICS_HEAL_DENIED,  /* RBAC or an admission policy */
    METRICS_HEAL_DROPPED, /* there were too many at once */
    METRICS_HEAL_STALE,   /* the node may be pulling again; its next report counts */
    METRICS_HEAL_COUNT,
};
void metrics_heal(struct metrics *metrics, enum metrics_heal outcome);

/* What ECR is known to hold, and what waits to be imported; shown only where that is followed. */
struct metrics_cached {
    size_t tags, digests, queued;
};
void metrics_cached(struct metrics *metrics, const struct metrics_cached *cached); /* NULL: not */
/* An import that was asked for, and how that ended. */
void metrics_import(struct metrics *metrics, unsigned slot, enum image_outcome outcome);
/* So many images were wanted, and there was no room to remember that. */
void metrics_wishes_dropped(struct metrics *metrics, uint64_t more);

/* What was counted since the start, of all upstreams together. */
struct metrics_counts {
    uint64_t reviews[REVIEW_OUTCOME_COUNT], images[OUTCOME_COUNT];
};
void metrics_counts(const struct metrics *metrics, struct metrics_counts *counts);

/* Append everything, process_* of this process too. */
void metrics_print(const struct metrics *metrics, struct strbuf *out);

/* The table of docs/metrics.md. */
void metrics_print_document(struct strbuf *out);

#endif
