/*
 * Operations and outcomes are lists of our own: whatever AWS answers, there are never more
 * series than these.
 */
#include "reconcile_counts.h"

#include "exposition.h"

#include <stdatomic.h>
#include <stdlib.h>

static const char *const pass_names[METRICS_PASS_COUNT] = {"complete", "incomplete", "failed"};

typedef atomic_uint_fast64_t count;

struct reconcile_counts {
    count passes[METRICS_PASS_COUNT];
    atomic_int_fast64_t last_success_s;
    count requests[AWS_OPERATION_COUNT][AWS_OUTCOME_COUNT];
    count duration_ms[AWS_SERVICE_COUNT];
};

static uint64_t value(const count *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct reconcile_counts *reconcile_counts_new(void)
{
    struct reconcile_counts *counts = calloc(1, sizeof(*counts));

    if (!counts)
        abort();
    return counts;
}

void reconcile_counts_free(struct reconcile_counts *counts)
{
    free(counts);
}

void reconcile_counts_pass(struct reconcile_counts *counts, enum metrics_pass outcome,
                           int64_t now_s)
{
    atomic_fetch_add_explicit(&counts->passes[outcome], 1, memory_order_relaxed);
    if (outcome != METRICS_PASS_FAILED)
        atomic_store_explicit(&counts->last_success_s, now_s, memory_order_relaxed);
}

void reconcile_counts_request(struct reconcile_counts *counts, enum aws_operation operation,
                              enum aws_outcome outcome, uint64_t duration_ms)
{
    count *duration_of_service = &counts->duration_ms[aws_operation_service(operation)];

    atomic_fetch_add_explicit(&counts->requests[operation][outcome], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(duration_of_service, duration_ms, memory_order_relaxed);
}

static void print_passes(const struct reconcile_counts *counts, struct strbuf *out)
{
    exposition_heading(out, "reconcile_passes_total", "counter", "Passes of the reconciler.");
    for (size_t i = 0; i < METRICS_PASS_COUNT; i++)
        strbuf_add_format(out, "pullthrough_reconcile_passes_total{outcome=\"%s\"} %llu\n",
                          pass_names[i], (unsigned long long)value(&counts->passes[i]));
    exposition_heading(out, "reconcile_last_success_timestamp_seconds", "gauge",
                       "End of the last pass that could look at ECR, since 1970; 0: none.");
    strbuf_add_format(
        out, "pullthrough_reconcile_last_success_timestamp_seconds %lld\n",
        (long long)atomic_load_explicit(&counts->last_success_s, memory_order_relaxed));
}

/* Only what there was; returns how many attempts. */
static uint64_t print_service(const struct reconcile_counts *counts, enum aws_service service,
                              struct strbuf *out)
{
    uint64_t total = 0;

    for (int row = 0; row < AWS_OPERATION_COUNT; row++)
        for (int column = 0; column < AWS_OUTCOME_COUNT; column++) {
            enum aws_operation operation = (enum aws_operation)row;
            uint64_t n = aws_operation_service(operation) == service
                             ? value(&counts->requests[row][column])
                             : 0;

            total += n;
            if (n)
                strbuf_add_format(out,
                                  "pullthrough_aws_requests_total{service=\"%s\",operation=\"%s\","
                                  "outcome=\"%s\"} %llu\n",
                                  aws_service_name(service), aws_operation_name(operation),
                                  aws_outcome_name((enum aws_outcome)column),
                                  (unsigned long long)n);
        }
    return total;
}

void reconcile_counts_print(const struct reconcile_counts *counts, struct strbuf *out)
{
    uint64_t totals[AWS_SERVICE_COUNT];

    print_passes(counts, out);
    exposition_heading(out, "aws_requests_total", "counter", "Calls to AWS, each attempt.");
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++)
        totals[i] = print_service(counts, (enum aws_service)i, out);
    exposition_heading(out, "aws_request_duration_seconds", "summary", "How long these took.");
    for (size_t i = 0; i < AWS_SERVICE_COUNT; i++) {
        const char *name = aws_service_name((enum aws_service)i);

        strbuf_add_format(out,
                          "pullthrough_aws_request_duration_seconds_sum{service=\"%s\"} %.3f\n"
                          "pullthrough_aws_request_duration_seconds_count{service=\"%s\"} %llu\n",
                          name, (double)value(&counts->duration_ms[i]) / 1e3, name,
                          (unsigned long long)totals[i]);
    }
}
