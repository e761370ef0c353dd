/*
 * `rewrite --live`: what ECR holds, asked image by image.
 */
#ifndef PULLTHROUGH_SRC_APP_CLI_REWRITE_LIVE_H
#define PULLTHROUGH_SRC_APP_CLI_REWRITE_LIVE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "rewrite_report.h"

/* Whether an image of the report is rewritten only where ECR holds it. */
bool rewrite_live_matters(const struct rewrite_report *report);

/* Ask ECR, with the keys of the profile (NULL: as usual), once for each such image, and call those
 * that it doesn't hold not-cached. Nobody is asked where none is such. -1 with the reason where ECR
 * doesn't say. */
int rewrite_live_ask(struct rewrite_report *report, const struct config *config,
                     const char *profile, struct error *error);

#endif
