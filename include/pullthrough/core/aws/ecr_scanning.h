/*
 * The scanning configuration of a whole ECR registry: read, add our prefixes, write back.
 *
 * It governs other people's repositories too, so nothing that is there is taken away.
 */
#ifndef PULLTHROUGH_CORE_AWS_ECR_SCANNING_H
#define PULLTHROUGH_CORE_AWS_ECR_SCANNING_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum { ECR_SCANNING_RULES_MAX = 2, ECR_SCANNING_FILTERS_MAX = 100 }; /* ECR's own */

struct ecr_scanning_rule {
    const char *frequency; /* "SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL" */
    const char *filters[ECR_SCANNING_FILTERS_MAX];
    size_t n_filters;
};

struct ecr_scanning {
    bool enhanced; /* scanType ENHANCED (Amazon Inspector), else BASIC */
    struct ecr_scanning_rule rules[ECR_SCANNING_RULES_MAX];
    size_t n_rules;
};

/* GetRegistryScanningConfiguration's answer (the request is "{}"). -1 with the reason in error,
 * also where it holds something that writing it back would lose. */
int ecr_scanning_decode(struct ecr_scanning *scanning, struct slice body, struct arena *arena,
                        struct error *error);

enum { ECR_SCANNING_UNCHANGED = 1 };

/* Make it ENHANCED and let it scan "PREFIX/" and what is below on push. 0; ECR_SCANNING_UNCHANGED
 * where it does that already; or -1 with the reason: no room, or rules that ENHANCED does not
 * know and that are not ours to drop. */
int ecr_scanning_add(struct ecr_scanning *scanning, const char *prefix, struct arena *arena,
                     struct error *error);

/* PutRegistryScanningConfiguration. */
void ecr_scanning_encode(struct strbuf *out, const struct ecr_scanning *scanning);

#endif
