/*
 * Private to the verify*.c and command_verify.c: what each step came to, as it is found out.
 */
#ifndef PULLTHROUGH_SRC_APP_VERIFY_REPORT_H
#define PULLTHROUGH_SRC_APP_VERIFY_REPORT_H

#include "command.h"
#include "pullthrough/core/base/strbuf.h"
#include "text_table.h"

#include <stdbool.h>

enum verify_step {
    VERIFY_CREDENTIALS,
    VERIFY_IMAGE,
    VERIFY_RULE,
    VERIFY_SECRET,
    VERIFY_VALIDATION,
    VERIFY_TOKEN,
    VERIFY_PULL,
    VERIFY_REPOSITORY,
    VERIFY_CACHED,
};
enum { VERIFY_STEP_COUNT = VERIFY_CACHED + 1 };

enum verify_result { VERIFY_SKIPPED, VERIFY_OK, VERIFY_FAILED };

struct verify_report {
    bool json, yaml; /* a document; as YAML */
    struct text_look look;
    struct strbuf steps; /* JSON objects, so far */
    bool done[VERIFY_STEP_COUNT];
    bool failed, unwritten;
};

void verify_report_init(struct verify_report *report, enum command_output output);
void verify_report_fini(struct verify_report *report);

/* One step: on standard output at once, or into the JSON document. `advice` is "" or NULL for
 * none. */
void verify_report_step(struct verify_report *report, enum verify_step step,
                        enum verify_result result, const char *detail, const char *advice);

/* The steps that there was no way to, and the end of the document. `image` as it was asked for,
 * `rewritten` "" where that isn't known. */
void verify_report_end(struct verify_report *report, const char *image, const char *rewritten);

#endif
