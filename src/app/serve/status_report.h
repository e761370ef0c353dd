/*
 * The part of /status that only the upkeep side knows, as text.
 *
 * Anybody who reaches the status port reads it. So unless details are asked for, it names no file,
 * and what is said in words (problems, reasons, notes: AWS's and the operating system's, too) goes
 * through redact_details().
 */
#ifndef PULLTHROUGH_APP_SERVE_STATUS_REPORT_H
#define PULLTHROUGH_APP_SERVE_STATUS_REPORT_H

#include "certificate_keeper.h"
#include "pullthrough/app/cache/importer.h"
#include "pullthrough/app/fallback/fallback_keeper.h"
#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stdint.h>

/* How a file that is watched stands: what was loaded when, and what is wrong with what is
 * there now ("" where nothing is). */
struct status_source {
    const char *path; /* NULL: none */
    int64_t loaded_s; /* 0: never */
    const char *problem;
};

enum { STATUS_REPORT_PATHS = 5 };

struct status_report {
    bool details;
    struct slice paths[STATUS_REPORT_PATHS]; /* of the configuration: in words, only their names */
    struct status_source configuration, certificate;
    struct slice configuration_hash;
    int64_t not_before_s, not_after_s;      /* of the certificate; 0: none is loaded */
    const struct certificate_report *kept;  /* NULL: the certificate is somebody else's files */
    const char *secret_name, *webhook_name; /* where the program keeps it */
    const struct rule_set *rules;
    const struct upstream_status *statuses;   /* of each of the rules' upstreams */
    const char *host_problem;                 /* "" where the host is known */
    const char *mode;                         /* of the reconciler */
    const struct reconcile_report *reconcile; /* its last pass */
    const struct fallback_report *fallback;
    const struct importer_report *cached;
};

/* Append the members of a JSON object, without its braces. */
void status_report_print(const struct status_report *report, struct strbuf *out);

#endif
