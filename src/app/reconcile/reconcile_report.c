/*
 * A pass's report: owned texts, so that it can go from thread to thread.
 */
#include "reconcile_history.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

const char *reconcile_outcome_name(enum reconcile_outcome outcome)
{
    static const char *const names[RECONCILE_OUTCOME_COUNT] = {
        [RECONCILE_COMPLETE] = "complete",
        [RECONCILE_INCOMPLETE] = "incomplete",
        [RECONCILE_FAILED] = "failed",
    };

    return names[outcome];
}

static void free_statuses(struct reconcile_report *report)
{
    for (size_t i = 0; i < report->n_statuses; i++)
        upstream_status_fini(&report->statuses[i]);
    free(report->statuses);
}

void reconcile_report_fini(struct reconcile_report *report)
{
    free_statuses(report);
    for (size_t i = 0; i < report->n_notes; i++)
        free(report->notes[i]);
    free(report->notes);
    *report = (struct reconcile_report){0};
}

void reconcile_report_carry(struct reconcile_report *report, const struct config *old,
                            const struct config *new)
{
    struct upstream_status *statuses = alloc_zeroed(new->n_upstreams + 1, sizeof(*statuses));

    for (size_t k = 0; k < new->n_upstreams; k++)
        for (size_t i = 0; i < report->n_statuses && !statuses[k].reason; i++)
            if (reconcile_is_same(old, i, new, k)) {
                statuses[k] = report->statuses[i];
                report->statuses[i] = (struct upstream_status){0};
            }
    free_statuses(report);
    report->statuses = statuses;
    report->n_statuses = new->n_upstreams;
    report->next_s = 0;
    if (strcmp(old->registry.account, new->registry.account) != 0 ||
        strcmp(old->registry.region, new->registry.region) != 0 ||
        strcmp(old->aws.endpoint.ecr, new->aws.endpoint.ecr) != 0) {
        report->account[0] = '\0';
        report->region[0] = '\0';
    }
}
