/*
 * How `pullthrough warm` tells what became of the images.
 */
#ifndef PULLTHROUGH_APP_CLI_WARM_REPORT_H
#define PULLTHROUGH_APP_CLI_WARM_REPORT_H

#include "pullthrough/core/base/strbuf.h"
#include "text_table.h"
#include "warm_list.h"

struct warm_report {
    const struct warm_list *list;
    bool dry_run;
    bool interrupted; /* what is missing was not tried to the end */
};

/* For a person, in lines of 80 columns as far as names allow: the sums, and what isn't cached, by
 * what is to be done. */
void warm_report_text(const struct warm_report *report, struct text_look look, struct strbuf *out);
/* The same, and each image. */
void warm_report_json(const struct warm_report *report, struct strbuf *out);

/* Whether ECR has them all. */
bool warm_report_is_whole(const struct warm_report *report);

#endif
