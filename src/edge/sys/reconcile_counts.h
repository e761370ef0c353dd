/*
 * What the reconciler did: its passes, and each attempt of a call to AWS. Private to the metrics.
 */
#ifndef PULLTHROUGH_SRC_EDGE_RECONCILE_COUNTS_H
#define PULLTHROUGH_SRC_EDGE_RECONCILE_COUNTS_H

#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdint.h>

struct reconcile_counts;

struct reconcile_counts *reconcile_counts_new(void);
void reconcile_counts_free(struct reconcile_counts *counts);

void reconcile_counts_pass(struct reconcile_counts *counts, enum metrics_pass outcome,
                           int64_t now_s);
void reconcile_counts_request(struct reconcile_counts *counts, enum aws_operation operation,
                              enum aws_outcome outcome, uint64_t duration_ms);

void reconcile_counts_print(const struct reconcile_counts *counts, struct strbuf *out);

#endif
