/*
 * A pass's report: owned texts, so that it can go from thread to thread.
 */
#include "reconcile_memory.h"

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

static char *copy(const char *text)
{
    char *made = strdup(text);

    if (!made)
        abort();
    return made;
}

struct reconcile_taken *reconcile_taken_copy(const struct reconcile_taken *taken, size_t n)
{
    struct reconcile_taken *made = n ? calloc(n, sizeof(*made)) : NULL;

    if (n && !made)
        abort();
    for (size_t i = 0; i < n; i++)
        made[i] = (struct reconcile_taken){copy(taken[i].path), copy(taken[i].reason)};
    return made;
}

void reconcile_taken_free(struct reconcile_taken *taken, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free((char *)taken[i].path);
        free((char *)taken[i].reason);
    }
    free(taken);
}

static void free_rows(struct reconcile_report *report)
{
    for (size_t i = 0; i < report->n_rows; i++) {
        free(report->rows[i].reason);
        reconcile_taken_free(report->rows[i].taken, report->rows[i].n_taken);
    }
    free(report->rows);
}

void reconcile_report_fini(struct reconcile_report *report)
{
    free_rows(report);
    for (size_t i = 0; i < report->n_notes; i++)
        free(report->notes[i]);
    free(report->notes);
    *report = (struct reconcile_report){0};
}

/* The row of `old` that is about upstream k of `new`, or NULL. */
static struct reconcile_row *find_row(struct reconcile_report *report, const struct config *old,
                                      const struct config *new, size_t k)
{
    for (size_t i = 0; i < report->n_rows; i++)
        if (reconcile_is_same(old, i, new, k))
            return &report->rows[i];
    return NULL;
}

void reconcile_report_carry(struct reconcile_report *report, const struct config *old,
                            const struct config *new)
{
    struct reconcile_row *rows = calloc(new->n_upstreams + 1, sizeof(*rows));

    if (!rows)
        abort();
    for (size_t k = 0; k < new->n_upstreams; k++) {
        struct reconcile_row *row = find_row(report, old, new, k);

        if (row) {
            rows[k] = *row;
            *row = (struct reconcile_row){0};
        }
    }
    free_rows(report);
    report->rows = rows;
    report->n_rows = new->n_upstreams;
    if (strcmp(old->registry.account, new->registry.account) != 0 ||
        strcmp(old->registry.region, new->registry.region) != 0 ||
        strcmp(old->aws.endpoint.ecr, new->aws.endpoint.ecr) != 0) {
        report->account[0] = '\0';
        report->region[0] = '\0';
    }
}
