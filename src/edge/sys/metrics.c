/*
 * Arrays of atomic numbers, and their printing. Counts are relaxed: a scrape sees each
 * number as it is, not all of them at one instant, which is all that Prometheus asks for.
 */
#include "pullthrough/edge/sys/metrics.h"

#include "exposition.h"
#include "pullthrough/edge/sys/process.h"
#include "reconcile_counts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* 10 us to 1 s */
static const uint64_t bucket_bounds_us[] = {10,     25,     50,     100,    250,   500,
                                            1000,   2500,   5000,   10000,  25000, 50000,
                                            100000, 250000, 500000, 1000000};
enum { BUCKETS = sizeof(bucket_bounds_us) / sizeof(bucket_bounds_us[0]) };

enum { NONE = -1 };

typedef atomic_uint_fast64_t count;

struct metrics {
    char *version, *commit;
    count reviews[REVIEW_OPERATION_COUNT][REVIEW_OUTCOME_COUNT];
    count images[METRICS_SLOTS][OUTCOME_COUNT];
    count duration_buckets[BUCKETS + 1]; /* the last one: longer than all bounds */
    count duration_ns;
    atomic_int_fast64_t connections, certificate_not_after[METRICS_CERTIFICATE_COUNT];
    atomic_int certificate_problem;
    count certificate_looks[2], certificate_writes[METRICS_CERTIFICATE_WRITE_COUNT];
    count refused, evicted[METRICS_PORT_COUNT];
    count handshakes[2], config_reloads[2], certificate_reloads[2]; /* failed, done */
    atomic_int ready[METRICS_SLOTS];                                /* NONE: not configured now */
    atomic_int state[METRICS_SLOTS]; /* NONE: that, or switched off */
    pthread_mutex_t names_lock;      /* for adding; a name that is there never changes */
    char *names[METRICS_SLOTS];
    atomic_uint n_names;
    struct reconcile_counts *reconcile;
};

static void increment(count *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t value(const count *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static char *copy_text(const char *text, size_t len)
{
    char *copy = strndup(text, len);

    if (!copy)
        abort();
    return copy;
}

struct metrics *metrics_new(const char *version, const char *commit)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        abort();
    metrics->version = copy_text(version, strlen(version));
    metrics->commit = copy_text(commit, strlen(commit));
    (void)pthread_mutex_init(&metrics->names_lock, NULL);
    metrics->reconcile = reconcile_counts_new();
    metrics->names[METRICS_OTHER] = copy_text("other", 5);
    atomic_store(&metrics->n_names, 1);
    metrics_clear_upstreams(metrics);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (unsigned i = 0; i < atomic_load(&metrics->n_names); i++)
        free(metrics->names[i]);
    reconcile_counts_free(metrics->reconcile);
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
        metrics->names[slot] = copy_text(registry.ptr, registry.len);
        atomic_store(&metrics->n_names, n + 1);
    }
    (void)pthread_mutex_unlock(&metrics->names_lock);
    return slot;
}

void metrics_review(struct metrics *metrics, enum review_operation operation,
                    enum review_outcome outcome, uint64_t duration_ns)
{
    size_t bucket = 0;

    while (bucket < BUCKETS && duration_ns > bucket_bounds_us[bucket] * 1000)
        bucket++;
    increment(&metrics->reviews[operation][outcome]);
    increment(&metrics->duration_buckets[bucket]);
    atomic_fetch_add_explicit(&metrics->duration_ns, duration_ns, memory_order_relaxed);
}

void metrics_image(struct metrics *metrics, unsigned slot, enum outcome outcome)
{
    increment(&metrics->images[slot][outcome]);
}

void metrics_connections(struct metrics *metrics, int change)
{
    atomic_fetch_add_explicit(&metrics->connections, change, memory_order_relaxed);
}

void metrics_refused(struct metrics *metrics)
{
    increment(&metrics->refused);
}

void metrics_evicted(struct metrics *metrics, enum metrics_port port)
{
    increment(&metrics->evicted[port]);
}

void metrics_handshake(struct metrics *metrics, bool done)
{
    increment(&metrics->handshakes[done]);
}

void metrics_config_reload(struct metrics *metrics, bool taken)
{
    increment(&metrics->config_reloads[taken]);
}

void metrics_certificate_reload(struct metrics *metrics, bool taken)
{
    increment(&metrics->certificate_reloads[taken]);
}

void metrics_certificate_not_after(struct metrics *metrics, enum metrics_certificate kind,
                                   int64_t seconds)
{
    atomic_store_explicit(&metrics->certificate_not_after[kind], seconds, memory_order_relaxed);
}

void metrics_certificate_problem(struct metrics *metrics, bool is_there)
{
    atomic_store_explicit(&metrics->certificate_problem, is_there, memory_order_relaxed);
}

void metrics_certificate_look(struct metrics *metrics, bool done)
{
    increment(&metrics->certificate_looks[done]);
}

void metrics_certificate_write(struct metrics *metrics, enum metrics_certificate_write what)
{
    increment(&metrics->certificate_writes[what]);
}

void metrics_clear_upstreams(struct metrics *metrics)
{
    for (size_t i = 0; i < METRICS_SLOTS; i++) {
        atomic_store_explicit(&metrics->ready[i], NONE, memory_order_relaxed);
        atomic_store_explicit(&metrics->state[i], NONE, memory_order_relaxed);
    }
}

void metrics_upstream_ready(struct metrics *metrics, unsigned slot, bool ready)
{
    atomic_store_explicit(&metrics->ready[slot], ready, memory_order_relaxed);
}

void metrics_upstream_state(struct metrics *metrics, unsigned slot, enum upstream_state state)
{
    atomic_store_explicit(&metrics->state[slot], (int)state, memory_order_relaxed);
}

void metrics_reconcile_pass(struct metrics *metrics, enum metrics_pass outcome, int64_t now_s)
{
    reconcile_counts_pass(metrics->reconcile, outcome, now_s);
}

void metrics_aws_request(struct metrics *metrics, enum aws_operation operation,
                         enum aws_outcome outcome, uint64_t duration_ms)
{
    reconcile_counts_request(metrics->reconcile, operation, outcome, duration_ms);
}

static void print_reviews(const struct metrics *metrics, struct strbuf *out)
{
    exposition_heading(out, "reviews_total", "counter", "AdmissionReviews answered.");
    for (int op = 0; op < REVIEW_OPERATION_COUNT; op++)
        for (int outcome = 0; outcome < REVIEW_OUTCOME_COUNT; outcome++)
            strbuf_add_format(out,
                              "pullthrough_reviews_total{operation=\"%s\",outcome=\"%s\"} %llu\n",
                              review_operation_name((enum review_operation)op),
                              review_outcome_name((enum review_outcome)outcome),
                              (unsigned long long)value(&metrics->reviews[op][outcome]));
}

/* Every outcome of a configured upstream, so that a rate exists from the start; of others
 * only what was counted. */
static void print_images(const struct metrics *metrics, struct strbuf *out)
{
    exposition_heading(out, "images_total", "counter",
                       "Images judged, by upstream and by what became of them.");
    for (unsigned slot = 0; slot < atomic_load(&metrics->n_names); slot++) {
        bool configured = atomic_load_explicit(&metrics->ready[slot], memory_order_relaxed) >= 0;

        for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
            uint64_t n = value(&metrics->images[slot][outcome]);

            if (n == 0 && !(configured && outcome == OUTCOME_REWRITTEN))
                continue;
            strbuf_add_str(out, "pullthrough_images_total{upstream=\"");
            exposition_label(out, metrics->names[slot]);
            strbuf_add_format(out, "\",outcome=\"%s\"} %llu\n", outcome_name((enum outcome)outcome),
                              (unsigned long long)n);
        }
    }
}

static void print_durations(const struct metrics *metrics, struct strbuf *out)
{
    uint64_t total = 0;

    exposition_heading(out, "review_duration_seconds", "histogram",
                       "From the whole request read to its answer made.");
    for (size_t i = 0; i < BUCKETS; i++) {
        total += value(&metrics->duration_buckets[i]);
        strbuf_add_format(out, "pullthrough_review_duration_seconds_bucket{le=\"%g\"} %llu\n",
                          (double)bucket_bounds_us[i] / 1e6, (unsigned long long)total);
    }
    total += value(&metrics->duration_buckets[BUCKETS]);
    strbuf_add_format(out,
                      "pullthrough_review_duration_seconds_bucket{le=\"+Inf\"} %llu\n"
                      "pullthrough_review_duration_seconds_sum %.9f\n"
                      "pullthrough_review_duration_seconds_count %llu\n",
                      (unsigned long long)total, (double)value(&metrics->duration_ns) / 1e9,
                      (unsigned long long)total);
}

static void print_pair(struct strbuf *out, const char *name, const char *help, const count *pair,
                       const char *done, const char *failed)
{
    exposition_heading(out, name, "counter", help);
    strbuf_add_format(out,
                      "pullthrough_%s{outcome=\"%s\"} %llu\npullthrough_%s{outcome=\"%s\"} %llu\n",
                      name, done, (unsigned long long)value(&pair[1]), name, failed,
                      (unsigned long long)value(&pair[0]));
}

static void print_count(struct strbuf *out, const char *name, const char *help, const count *number)
{
    exposition_heading(out, name, "counter", help);
    strbuf_add_format(out, "pullthrough_%s %llu\n", name, (unsigned long long)value(number));
}

static void print_losses(const struct metrics *metrics, struct strbuf *out)
{
    print_count(out, "requests_refused_total",
                "Requests answered 503 because all of them together took their memory.",
                &metrics->refused);
    print_count(out, "evictions_total",
                "Connections on the webhook port that were closed to make room.",
                &metrics->evicted[METRICS_WEBHOOK]);
    print_count(out, "status_evictions_total",
                "Connections on the status port that were closed to make room.",
                &metrics->evicted[METRICS_STATUS]);
}

/* The leaf has its series from the start, so that a rule can ask for it. */
static void print_certificates(const struct metrics *metrics, struct strbuf *out)
{
    static const char *const kinds[] = {[METRICS_LEAF] = "leaf", [METRICS_CA] = "ca"};
    static const char *const objects[] = {[METRICS_SECRET] = "secret", [METRICS_BUNDLE] = "bundle"};

    exposition_heading(
        out, "certificate_not_after_seconds", "gauge",
        "End of validity since 1970, of the served certificate and of its CA; 0: none is "
        "loaded.");
    for (int i = 0; i < METRICS_CERTIFICATE_COUNT; i++) {
        long long seconds = (long long)atomic_load_explicit(&metrics->certificate_not_after[i],
                                                            memory_order_relaxed);

        if (i == METRICS_LEAF || seconds)
            strbuf_add_format(out, "pullthrough_certificate_not_after_seconds{kind=\"%s\"} %lld\n",
                              kinds[i], seconds);
    }
    exposition_heading(
        out, "certificate_problem", "gauge",
        "1: what there is now as certificate could not be taken or kept; /status says why.");
    strbuf_add_format(out, "pullthrough_certificate_problem %d\n",
                      atomic_load_explicit(&metrics->certificate_problem, memory_order_relaxed));
    print_pair(out, "certificate_looks_total", "Looks at the program's own certificates.",
               metrics->certificate_looks, "ok", "failed");
    exposition_heading(
        out, "certificate_writes_total", "counter",
        "Writes of the program's own certificates to the Secret and to the caBundle.");
    for (int i = 0; i < METRICS_CERTIFICATE_WRITE_COUNT; i++)
        strbuf_add_format(out, "pullthrough_certificate_writes_total{object=\"%s\"} %llu\n",
                          objects[i], (unsigned long long)value(&metrics->certificate_writes[i]));
}

static void print_gauges(const struct metrics *metrics, struct strbuf *out)
{
    exposition_heading(out, "connections", "gauge", "Open connections on the webhook port.");
    strbuf_add_format(out, "pullthrough_connections %lld\n",
                      (long long)atomic_load_explicit(&metrics->connections, memory_order_relaxed));
    exposition_heading(out, "upstream_ready", "gauge",
                       "1: images of this upstream are rewritten now.");
    for (unsigned slot = 1; slot < atomic_load(&metrics->n_names); slot++) {
        int ready = atomic_load_explicit(&metrics->ready[slot], memory_order_relaxed);

        if (ready < 0)
            continue;
        strbuf_add_str(out, "pullthrough_upstream_ready{upstream=\"");
        exposition_label(out, metrics->names[slot]);
        strbuf_add_format(out, "\"} %d\n", ready);
    }
    exposition_heading(out, "build_info", "gauge", "Which build this is; always 1.");
    strbuf_add_format(out, "pullthrough_build_info{version=\"%s\",commit=\"%s\"} 1\n",
                      metrics->version, metrics->commit);
}

/* Every state has its series, so that a rule can ask for any of them. */
static void print_states(const struct metrics *metrics, struct strbuf *out)
{
    exposition_heading(out, "upstream_state", "gauge", "1: this is the state of the upstream now.");
    for (unsigned slot = 1; slot < atomic_load(&metrics->n_names); slot++) {
        int state = atomic_load_explicit(&metrics->state[slot], memory_order_relaxed);

        for (int i = 0; state != NONE && i < UPSTREAM_STATE_COUNT; i++) {
            strbuf_add_str(out, "pullthrough_upstream_state{upstream=\"");
            exposition_label(out, metrics->names[slot]);
            strbuf_add_format(out, "\",state=\"%s\"} %d\n",
                              upstream_state_name((enum upstream_state)i), i == state);
        }
    }
}

/* The names and words that every client library of Prometheus uses for these. */
static void print_process(struct strbuf *out)
{
    struct process_facts facts = process_facts_now();
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
         facts.cpu_s},
        {"resident_memory_bytes", "gauge", "Resident memory size in bytes.",
         (double)facts.resident_bytes},
        {"virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
         (double)facts.virtual_bytes},
        {"open_fds", "gauge", "Number of open file descriptors.", (double)facts.open_fds},
        {"max_fds", "gauge", "Maximum number of open file descriptors.", (double)facts.max_fds},
        {"start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
         facts.start_time_s},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        strbuf_add_format(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n",
                          rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name,
                          rows[i].value);
}

void metrics_print(const struct metrics *metrics, struct strbuf *out)
{
    print_reviews(metrics, out);
    print_images(metrics, out);
    print_durations(metrics, out);
    print_losses(metrics, out);
    print_pair(out, "tls_handshakes_total", "TLS handshakes ended.", metrics->handshakes, "ok",
               "failed");
    print_pair(out, "config_reloads_total", "New configurations seen while running.",
               metrics->config_reloads, "taken", "refused");
    print_pair(out, "certificate_reloads_total", "New certificates seen while running.",
               metrics->certificate_reloads, "taken", "refused");
    print_certificates(metrics, out);
    print_gauges(metrics, out);
    print_states(metrics, out);
    reconcile_counts_print(metrics->reconcile, out);
    print_process(out);
}
