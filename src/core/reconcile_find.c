/*
 * Finding what belongs to an upstream among rules and templates.
 */
#include "reconcile_judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { SECRET_SUFFIX_BYTES = 7 }; /* Secrets Manager ends an ARN in "-" and six characters */

const char *reconcile_text(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    char *text;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        abort();
    text = arena_alloc(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

const struct ecr_rule *rule_find(const struct ecr_rules *rules, const char *prefix)
{
    for (size_t i = 0; rules && i < rules->n; i++)
        if (strcmp(rules->items[i].prefix, prefix) == 0)
            return &rules->items[i];
    return NULL;
}

static struct slice bare_url(const char *url)
{
    struct slice text = slice_str(url);

    if (text.len >= 8 && strncasecmp(text.ptr, "https://", 8) == 0)
        text = slice_from(text, 8);
    if (slice_ends_with(text, slice_str("/")))
        text.len--;
    return text;
}

bool rule_has_url(const struct ecr_rule *rule, const char *url)
{
    struct slice a = bare_url(rule->upstream_url), b = bare_url(url);

    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

bool rule_has_secret(const struct ecr_rule *rule, const char *secret)
{
    struct slice arn = slice_str(rule->credential_arn), wanted = slice_str(secret);
    const char *at = strstr(rule->credential_arn, ":secret:");

    if (slice_starts_with(wanted, slice_str("arn:")))
        return slice_equal(arn, wanted);
    if (!at)
        return false;
    arn = slice_from(arn, (size_t)(at - arn.ptr) + strlen(":secret:"));
    return arn.len == wanted.len + SECRET_SUFFIX_BYTES && slice_starts_with(arn, wanted) &&
           arn.ptr[wanted.len] == '-';
}

const struct ecr_template *template_find(const struct ecr_templates *templates, const char *prefix)
{
    for (size_t i = 0; templates && i < templates->n; i++)
        if (strcmp(templates->items[i].prefix, prefix) == 0)
            return &templates->items[i];
    return NULL;
}

/* Whether repositories below `prefix` begin with the template's prefix, which has a "/" assumed
 * at its end. */
static bool covers(const struct ecr_template *template, struct slice prefix)
{
    struct slice start = slice_str(template->prefix);

    if (slice_ends_with(start, slice_str("/")))
        start.len--;
    return slice_starts_with(prefix, start) &&
           (prefix.len == start.len || prefix.ptr[start.len] == '/');
}

const struct ecr_template *template_for(const struct ecr_templates *templates, const char *prefix)
{
    const struct ecr_template *found = NULL;

    for (size_t i = 0; templates && i < templates->n; i++) {
        const struct ecr_template *template = &templates->items[i];

        if (template->for_pull_through && covers(template, slice_str(prefix)) &&
            (!found || strlen(template->prefix) > strlen(found->prefix)))
            found = template;
    }
    if (!found)
        found = template_find(templates, ECR_ROOT);
    return found && found->for_pull_through ? found : NULL;
}

bool template_is_broken(const struct ecr_template *template)
{
    return template && template->has_tags && !template->custom_role_arn[0];
}
