/*
 * Arrays of atomic numbers. Counts are relaxed: a scrape sees each number as it is, not all of
 * them at one instant, which is all that Prometheus asks for. What they are called and mean is
 * the table's (metrics_table.c).
 */
#include "metrics_numbers.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

static void add(number *counter, int64_t change)
{
    atomic_fetch_add_explicit(counter, change, memory_order_relaxed);
}

static void set(number *gauge, int64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

struct metrics *metrics_new(const char *version, const char *commit)
{
    struct metrics *metrics = alloc_zeroed(1, sizeof(*metrics));

    metrics->version = alloc_string(version);
    metrics->commit = alloc_string(commit);
    (void)pthread_mutex_init(&metrics->names_lock, NULL);
    metrics->names[METRICS_OTHER] = alloc_string("other");
    atomic_store(&metrics->n_names, 1);
    metrics_clear_upstreams(metrics);
    metrics_pull_watch(metrics, false, false);
    metrics_cached(metrics, NULL);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (unsigned i = 0; i < atomic_load(&metrics->n_names); i++)
        free(metrics->names[i]);
    (void)pthread_mutex_destroy(&metrics->names_lock);
    free(metrics->version);
    free(metrics->commit);
    free(metrics);
}

unsigned metrics_upstream_slot(struct metrics *metrics, struct slice registry)
{
    unsigned slot, n;

    (void)pthread_mutex_lock(&metrics->names_lock);
    n = atomic_load(&metrics->n_names);
    for (slot = 1; slot < n && !slice_is(registry, metrics->names[slot]);)
        slot++;
    if (slot == n && n == METRICS_SLOTS) {
        slot = METRICS_OTHER;
    } else if (slot == n) {
        metrics->names[slot] = alloc_text(registry);
        atomic_store(&metrics->n_names, n + 1);
    }
    (void)pthread_mutex_unlock(&metrics->names_lock);
    return slot;
}

void metrics_review(struct metrics *metrics, enum review_operation operation,
                    enum review_outcome outcome, uint64_t duration_ns)
{
    size_t bucket = 0;

    while (bucket < METRICS_BUCKETS && duration_ns > (uint64_t)metrics_bounds_us[bucket] * 1000)
        bucket++;
    add(&metrics->reviews[operation][outcome], 1);
    add(&metrics->duration_buckets[bucket], 1);
    add(&metrics->duration_ns, (int64_t)duration_ns);
}

void metrics_image(struct metrics *metrics, unsigned slot, enum outcome outcome)
{
    add(&metrics->images[slot][outcome], 1);
}

void metrics_connections(struct metrics *metrics, int change)
{
    add(&metrics->connections, change);
}

void metrics_refused(struct metrics *metrics)
{
    add(&metrics->refused, 1);
}

void metrics_evicted(struct metrics *metrics, enum metrics_port port)
{
    add(&metrics->evicted[port], 1);
}

void metrics_handshake(struct metrics *metrics, bool done)
{
    add(&metrics->handshakes[!done], 1);
}

void metrics_config_loaded(struct metrics *metrics, int64_t now_s)
{
    set(&metrics->config_successful, true);
    set(&metrics->config_success_s, now_s);
}

void metrics_config_reload(struct metrics *metrics, bool taken)
{
    add(&metrics->config_reloads[!taken], 1);
    set(&metrics->config_successful, taken);
}

void metrics_certificate_reload(struct metrics *metrics, bool taken)
{
    add(&metrics->certificate_reloads[!taken], 1);
}

void metrics_certificate_dates(struct metrics *metrics, enum metrics_certificate kind,
                               int64_t not_before_s, int64_t not_after_s)
{
    set(&metrics->certificate_not_before[kind], not_before_s);
    set(&metrics->certificate_not_after[kind], not_after_s);
}

void metrics_certificate_problem(struct metrics *metrics, bool is_there)
{
    set(&metrics->certificate_problem, is_there);
}

void metrics_certificate_look(struct metrics *metrics, bool done)
{
    add(&metrics->certificate_looks[!done], 1);
}

void metrics_certificate_write(struct metrics *metrics, enum metrics_certificate_write what)
{
    add(&metrics->certificate_writes[what], 1);
}

void metrics_clear_upstreams(struct metrics *metrics)
{
    for (size_t i = 0; i < METRICS_SLOTS; i++) {
        set(&metrics->ready[i], METRICS_NONE);
        set(&metrics->state[i], METRICS_NONE);
    }
}

void metrics_upstream_ready(struct metrics *metrics, unsigned slot, bool ready)
{
    set(&metrics->ready[slot], ready);
}

void metrics_upstream_state(struct metrics *metrics, unsigned slot, enum upstream_state state)
{
    set(&metrics->state[slot], (int64_t)state);
}

void metrics_reconcile_pass(struct metrics *metrics, enum metrics_pass outcome, int64_t now_s)
{
    add(&metrics->passes[outcome], 1);
    if (outcome != METRICS_PASS_FAILED)
        set(&metrics->last_success_s, now_s);
}

void metrics_pull_failure(struct metrics *metrics, unsigned slot, enum pull_class class)
{
    add(&metrics->pull_failures[slot][class], 1);
}

void metrics_fallback(struct metrics *metrics, size_t images, size_t upstreams, bool down)
{
    set(&metrics->fallback_images, (int64_t)images);
    set(&metrics->fallback_upstreams, (int64_t)upstreams);
    set(&metrics->registry_down, down);
}

void metrics_pull_watch(struct metrics *metrics, bool wanted, bool on)
{
    set(&metrics->pull_watch, wanted ? on : METRICS_NONE);
}

void metrics_unheard(struct metrics *metrics, enum metrics_unheard what, uint64_t total)
{
    set(&metrics->unheard[what], (int64_t)total);
}

void metrics_heal(struct metrics *metrics, enum metrics_heal outcome)
{
    add(&metrics->heals[outcome], 1);
}

void metrics_cached(struct metrics *metrics, const struct metrics_cached *cached)
{
    set(&metrics->cached[0], cached ? (int64_t)cached->tags : METRICS_NONE);
    set(&metrics->cached[1], cached ? (int64_t)cached->digests : METRICS_NONE);
    set(&metrics->import_queue, cached ? (int64_t)cached->queued : METRICS_NONE);
}

void metrics_import(struct metrics *metrics, unsigned slot, enum image_outcome outcome)
{
    add(&metrics->imports[slot][outcome], 1);
}

void metrics_wishes_dropped(struct metrics *metrics, uint64_t more)
{
    add(&metrics->wishes_dropped, (int64_t)more);
}

void metrics_aws_request(struct metrics *metrics, enum aws_operation operation,
                         enum aws_outcome outcome, uint64_t duration_ms)
{
    add(&metrics->aws_requests[operation][outcome], 1);
    add(&metrics->aws_duration_ms[aws_operation_service(operation)], (int64_t)duration_ms);
}

void metrics_counts(const struct metrics *metrics, struct metrics_counts *counts)
{
    const unsigned slots = atomic_load(&metrics->n_names);

    *counts = (struct metrics_counts){0};
    for (size_t i = 0; i < REVIEW_OPERATION_COUNT; i++)
        for (size_t k = 0; k < REVIEW_OUTCOME_COUNT; k++)
            counts->reviews[k] += (uint64_t)metrics_value(&metrics->reviews[i][k]);
    for (size_t i = 0; i < slots; i++)
        for (size_t k = 0; k < OUTCOME_COUNT; k++)
            counts->images[k] += (uint64_t)metrics_value(&metrics->images[i][k]);
}
