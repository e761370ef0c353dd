/*
 * Private to the reconcile_*.c: finding what belongs to an upstream among rules and templates.
 */
#ifndef PULLTHROUGH_SRC_CORE_RECONCILE_FIND_H
#define PULLTHROUGH_SRC_CORE_RECONCILE_FIND_H

#include "pullthrough/core/aws/ecr_rules.h"
#include "pullthrough/core/aws/ecr_templates.h"
#include "pullthrough/core/base/arena.h"

/* The template that the first pull below `prefix` uses: of those that are for pull-through the one
 * with the longest prefix, else ROOT; NULL where there is none. */
const struct ecr_template *template_for(const struct ecr_templates *templates, const char *prefix);

/* Whether repositories of the template can't be created: tags, and no role that may set them. */
bool template_is_broken(const struct ecr_template *template);

/* The template with this prefix, or NULL. */
const struct ecr_template *template_find(const struct ecr_templates *templates, const char *prefix);

/* What stands in `prefix` behind "ABOVE/"; empty where it doesn't lie below. */
struct slice prefix_below(const char *prefix, const char *above);

/* Whether an upstreamRegistryUrl means the same as another: case, scheme and a "/" at the end
 * don't count. */
bool rule_has_url(const struct ecr_rule *rule, const char *url);

/* A text in the arena. */
const char *reconcile_text(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
