/*
 * For programs: the numbers of the table, by registry and by namespace, and each image. Names of
 * outcomes are those of metrics and of `rewrite -o json`.
 */
#include "pullthrough/core/json/json_writer.h"
#include "pullthrough/core/rules/rewrite.h"
#include "scan_report.h"

#include <stdlib.h>

static void add_counts(struct json_writer *json, const struct scan_sum *sum)
{
    json_add_number(json, "images", sum->images);
    json_add_number(json, "pods", sum->pods);
    json_add_number(json, "containers", sum->containers);
    json_add_number(json, "change", sum->change);
    json_add_number(json, "stay", sum->stay);
    json_add_number(json, "both", sum->both);
    json_add_object(json, "outcomes");
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (sum->outcomes[i])
            json_add_number(json, outcome_name((enum outcome)i), sum->outcomes[i]);
    json_end(json);
    json_add_object(json, "notes");
    for (int i = 0; i < SCAN_HINT_COUNT; i++)
        if (sum->hints[i])
            json_add_number(json, scan_hint_name((enum scan_hint)i), sum->hints[i]);
    json_end(json);
}

static void add_sums(struct json_writer *json, const char *name, const char *key,
                     struct scan_sum *sums, size_t n)
{
    json_add_line(json, 2);
    json_add_array(json, name);
    for (size_t i = 0; i < n; i++) {
        json_add_line(json, 4);
        json_add_object(json, NULL);
        json_add_slice(json, key, sums[i].name);
        add_counts(json, &sums[i]);
        json_end(json);
    }
    json_end(json);
    free(sums);
}

static void add_rules(struct json_writer *json, const struct scan_report *report)
{
    const struct reconcile_report *live = report->live;

    json_add_line(json, 2);
    json_add_object(json, "rules");
    json_add_bool(json, "asked", live != NULL);
    json_add_text(json, "assumedReady", live ? NULL : report->assumed);
    json_add_text(json, "account", live ? live->account : NULL);
    json_add_text(json, "region", live ? live->region : NULL);
    json_add_array(json, "upstreams");
    for (size_t i = 0; live && i < live->n_statuses && i < report->config->n_upstreams; i++) {
        json_add_line(json, 4);
        json_add_object(json, NULL);
        json_add_text(json, "registry", report->config->upstreams[i].registry);
        json_add_text(json, "prefix", report->config->upstreams[i].prefix);
        json_add_text(json, "state", upstream_state_name(live->statuses[i].state));
        json_add_text(json, "reason", live->statuses[i].reason);
        json_end(json);
    }
    json_end(json);
    json_end(json);
}

struct images {
    struct json_writer *json;
    const struct scan_report *report;
};

static void add_image(void *context, const struct scan_image *image, struct slice namespace)
{
    STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct images *images = context;
    struct json_writer *json = images->json;

    (void)namespace;
    json_add_line(json, 4);
    json_add_object(json, NULL);
    json_add_slice(json, "image", image->name);
    json_add_slice(json, "registry", image->registry);
    json_add_number(json, "pods", image->pods);
    json_add_number(json, "containers", image->containers);
    json_add_array(json, "outcomes");
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (image->outcomes & SCAN_BIT(i))
            json_add_text(json, NULL, outcome_name((enum outcome)i));
    json_end(json);
    json_add_array(json, "notes");
    for (int i = 0; i < SCAN_HINT_COUNT; i++)
        if (image->hints & SCAN_BIT(i))
            json_add_text(json, NULL, scan_hint_name((enum scan_hint)i));
    json_end(json);
    if (images->report->host_known && (image->outcomes & SCAN_BIT(OUTCOME_REWRITTEN)) &&
        rewrite_static(images->report->rules, image->name, &target))
        json_add_slice(json, "rewritten", strbuf_slice(&target));
    json_end(json);
}

static void add_kinds(struct json_writer *json, const struct scan_report *report)
{
    size_t n;
    struct scan_kind *kinds = scan_kinds(report->scan, &n);

    json_add_line(json, 2);
    json_add_array(json, "operatorKinds");
    for (size_t i = 0; i < n; i++) {
        json_add_line(json, 4);
        json_add_object(json, NULL);
        json_add_slice(json, "apiVersion", kinds[i].version);
        json_add_slice(json, "kind", kinds[i].kind);
        json_add_number(json, "objects", kinds[i].objects);
        json_add_number(json, "images", kinds[i].images);
        json_end(json);
    }
    json_end(json);
    free(kinds);
}

void scan_report_json(const struct scan_report *report, struct strbuf *out)
{
    struct json_writer json = json_begin(out, false);
    struct scan_sum all = scan_all(report->scan), *sums;
    struct images images = {&json, report};
    size_t n;

    json_add_object(&json, "total");
    add_counts(&json, &all);
    json_add_number(&json, "namespaces", scan_namespaces(report->scan));
    json_add_number(&json, "uncounted", scan_uncounted(report->scan));
    json_end(&json);
    json_add_bool(&json, "mendable", scan_report_is_mendable(report));
    add_rules(&json, report);
    sums = scan_by_registry(report->scan, &n);
    add_sums(&json, "registries", "registry", sums, n);
    sums = scan_by_namespace(report->scan, &n);
    add_sums(&json, "namespaces", "namespace", sums, n);
    json_add_line(&json, 2);
    json_add_array(&json, "images");
    scan_each_image(report->scan, add_image, &images);
    json_end(&json);
    add_kinds(&json, report);
    json_end_all(&json);
    strbuf_add_char(out, '\n');
}
