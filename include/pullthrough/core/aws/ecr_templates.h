/*
 * The messages of ECR about repository creation templates: what a repository is like that
 * the first pull of an image creates.
 */
#ifndef PULLTHROUGH_CORE_AWS_ECR_TEMPLATES_H
#define PULLTHROUGH_CORE_AWS_ECR_TEMPLATES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum { ECR_TEMPLATES_MAX = 1000 };

struct ecr_template {
    const char *prefix;          /* "ROOT", or what a repository's name begins with */
    const char *mutability;      /* "MUTABLE", "IMMUTABLE", ... */
    const char *encryption;      /* "AES256", "KMS", ... */
    const char *custom_role_arn; /* "" for none */
    bool for_pull_through;       /* appliedFor has PULL_THROUGH_CACHE */
    bool has_tags;               /* resourceTags is not empty */
    bool has_lifecycle, has_policy;
};

struct ecr_templates {
    struct ecr_template *items;
    size_t n;
    const char *registry_id; /* the account; "" if the answer didn't say */
    const char *next_token;  /* "" behind the last page */
};

/* DescribeRepositoryCreationTemplates: all; `next_token` is "" for the first page. */
void ecr_templates_encode_describe(struct strbuf *out, const char *next_token);
/* Append a page to *templates, which begins zeroed. -1 with the reason in error. */
int ecr_templates_decode_page(struct ecr_templates *templates, struct slice body,
                              struct arena *arena, struct error *error);

/* CreateRepositoryCreationTemplate: ROOT, for pull-through, MUTABLE, AES256, no tags. Each policy
 * is a JSON text, or "" for none. */
void ecr_templates_encode_create(struct strbuf *out, const char *lifecycle_policy,
                                 const char *repository_policy);

/* Append a lifecycle policy: untagged images go after so many days, and only the newest so many
 * images stay. 0 leaves a rule out; nothing is appended where both are 0. */
void ecr_templates_print_lifecycle(struct strbuf *out, unsigned untagged_days, unsigned keep_last);

#endif
