/*
 * The messages of ECR about pull-through-cache rules (API version 2015-09-21).
 *
 * Decoded texts are NUL-terminated, without control characters, "" where absent, and live
 * in the arena. The bounds are far over AWS's own, so that a wider one needs no new release.
 */
#ifndef PULLTHROUGH_CORE_AWS_ECR_RULES_H
#define PULLTHROUGH_CORE_AWS_ECR_RULES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum { ECR_RULES_MAX = 1000 }; /* a registry has at most 50 */

/* As the upstream prefix: any upstream repository; the same as leaving it out. */
#define ECR_ROOT "ROOT"

struct ecr_rule {
    const char *prefix;          /* ecrRepositoryPrefix */
    const char *upstream_url;    /* "registry-1.docker.io" */
    const char *upstream_prefix; /* "ROOT" where absent */
    const char *credential_arn;
    const char *custom_role_arn;
    const char *registry_id; /* the account */
};

struct ecr_rules {
    struct ecr_rule *items;
    size_t n;
    const char *next_token; /* "" behind the last page */
};

/* Prefixes of rules and templates: ECR assumes a "/" behind each, written or not, so one that ends
 * in "/" is the same prefix as without. */
struct slice ecr_prefix_bare(const char *prefix); /* without the "/" at its end */
bool ecr_prefix_is(const char *prefix, const char *other);
/* Whether names below `below` begin with `prefix`, or are it: "a" covers "a" and "a/b", not "ab".
 * ROOT covers only itself here. */
bool ecr_prefix_covers(const char *prefix, struct slice below);

/* The rule with this prefix, or NULL; `rules` NULL: none is known. */
const struct ecr_rule *ecr_rules_find(const struct ecr_rules *rules, const char *prefix);
/* The rule that ECR serves a repository by: the one with the longest prefix, else ROOT; or NULL. */
const struct ecr_rule *ecr_rules_serving(const struct ecr_rules *rules, struct slice repository);

/* DescribePullThroughCacheRules: all rules, a page of 1000. `next_token` is "" for the first. */
void ecr_rules_encode_describe(struct strbuf *out, const char *next_token);
/* Append a page to *rules, which begins zeroed. -1 with the reason in error. */
int ecr_rules_decode_page(struct ecr_rules *rules, struct slice body, struct arena *arena,
                          struct error *error);

/* CreatePullThroughCacheRule; without a credential where the ARN is "". The kind of upstream is
 * left to ECR, which knows it by the URL. */
void ecr_rules_encode_create(struct strbuf *out, const char *prefix, const char *upstream_url,
                             const char *credential_arn);
/* UpdatePullThroughCacheRule: only the credential can be changed. */
void ecr_rules_encode_update(struct strbuf *out, const char *prefix, const char *credential_arn);
/* DeletePullThroughCacheRule and ValidatePullThroughCacheRule. */
void ecr_rules_encode_prefix(struct strbuf *out, const char *prefix);

/* What the failure of a validation speaks of. ECR documents no list of its texts, so the words
 * decide: of those that speak of an outage as well as of the credential the outage counts, and what
 * is not known says nothing against the credential. */
enum ecr_failure {
    ECR_FAILURE_UNCLEAR,
    ECR_FAILURE_UPSTREAM,   /* the upstream or the way to it: away, slow, limiting */
    ECR_FAILURE_CREDENTIAL, /* refused by the upstream; or the secret can't be read or used */
};
enum ecr_failure ecr_rules_judge_failure(const char *failure);

struct ecr_validation {
    bool valid;
    const char *failure; /* why not; fit to be shown */
    enum ecr_failure about;
};
/* The answer of ValidatePullThroughCacheRule. -1 with the reason in error. */
int ecr_rules_decode_validation(struct ecr_validation *validation, struct slice body,
                                struct arena *arena, struct error *error);

#endif
