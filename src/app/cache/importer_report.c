/*
 * A report is a copy: what the plan names is dead at its next call, and who takes the report is
 * another thread.
 */
#include "importer_report.h"

#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

void importer_report_fini(struct importer_report *report)
{
    for (size_t i = 0; i < report->n_upstreams; i++)
        free(report->upstreams[i].prefix);
    for (size_t i = 0; i < report->n_refusals; i++) {
        free(report->refusals[i].image);
        free(report->refusals[i].reason);
    }
    free(report->upstreams);
    free(report->refusals);
    *report = (struct importer_report){0};
}

void importer_print_image(struct strbuf *out, struct slice repository, struct slice tag,
                          struct slice digest)
{
    strbuf_add_slice(out, repository);
    if (tag.len)
        strbuf_add_format(out, ":%.*s", SLICE_FMT(tag));
    if (digest.len)
        strbuf_add_format(out, "@%.*s", SLICE_FMT(digest));
}

static void add_upstreams(struct importer_report *report, const struct import_plan *plan,
                          const struct import_upstream *upstreams, size_t n)
{
    report->upstreams = alloc_zeroed(n, sizeof(*report->upstreams));
    report->n_upstreams = n;
    for (size_t i = 0; i < n; i++) {
        report->upstreams[i].prefix = alloc_text(upstreams[i].prefix);
        report->upstreams[i].counts = import_plan_upstream_counts(plan, i);
    }
}

static void add_refusals(struct importer_report *report, const struct import_plan *plan)
{
    struct import_refusal refusals[IMPORTER_REFUSALS_MAX];

    report->n_refusals = import_plan_refusals(plan, refusals, IMPORTER_REFUSALS_MAX);
    report->refusals = alloc_zeroed(report->n_refusals, sizeof(*report->refusals));
    for (size_t i = 0; i < report->n_refusals; i++) {
        STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(IMPORTER_IMAGE_MAX);

        importer_print_image(&image, refusals[i].repository, refusals[i].tag, refusals[i].digest);
        report->refusals[i] = (struct importer_refusal){
            .image = alloc_string(strbuf_str(&image)),
            .reason = alloc_string(refusals[i].reason),
            .since_ms = refusals[i].since_ms,
            .until_ms = refusals[i].until_ms,
            .tries = refusals[i].tries,
        };
    }
}

void importer_report_fill(struct importer_report *report, const struct import_plan *plan,
                          const struct import_upstream *upstreams, size_t n)
{
    add_upstreams(report, plan, upstreams, n);
    add_refusals(report, plan);
}
