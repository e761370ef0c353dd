/*
 * How `pullthrough scan` tells what core/scan counted.
 */
#ifndef PULLTHROUGH_APP_CLI_SCAN_REPORT_H
#define PULLTHROUGH_APP_CLI_SCAN_REPORT_H

#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/scan/scan.h"
#include "text_table.h"

struct scan_report {
    const struct scan *scan;
    const struct rule_set *rules;
    const struct config *config;
    bool by_namespace, verbose, host_known;
    /* How ECR's rules are; NULL: they were taken for ready, and why. */
    const struct reconcile_report *live;
    const char *assumed;
};

/* For a person, in lines of 80 columns as far as names allow. */
void scan_report_text(const struct scan_report *report, struct text_look look, struct strbuf *out);
/* The same numbers, and each image. */
void scan_report_json(const struct scan_report *report, struct strbuf *out);

/* "pull-secrets", "moving-tag", ...: what -o json and --verbose call a hint; static. */
const char *scan_hint_name(enum scan_hint hint);

/* Whether anything stays for a reason that can be mended. */
bool scan_report_is_mendable(const struct scan_report *report);

#endif
