/*
 * What belongs to an upstream among rules, templates and secrets, where ECR and people write the
 * same thing in several ways. It compares; what follows from that is reconcile_judge.c's.
 */
#include "reconcile_find.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

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

const struct ecr_template *template_find(const struct ecr_templates *templates, const char *prefix)
{
    for (size_t i = 0; templates && i < templates->n; i++)
        if (ecr_prefix_is(templates->items[i].prefix, prefix))
            return &templates->items[i];
    return NULL;
}

const struct ecr_template *template_for(const struct ecr_templates *templates, const char *prefix)
{
    const struct ecr_template *found = NULL;

    for (size_t i = 0; templates && i < templates->n; i++) {
        const struct ecr_template *template = &templates->items[i];

        if (template->for_pull_through &&
            ecr_prefix_covers(template->prefix, ecr_prefix_bare(prefix)) &&
            (!found || ecr_prefix_bare(template->prefix).len > ecr_prefix_bare(found->prefix).len))
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

struct slice prefix_below(const char *prefix, const char *above)
{
    struct slice text = ecr_prefix_bare(prefix);
    size_t len = ecr_prefix_bare(above).len;

    if (!ecr_prefix_covers(above, text) || text.len == len)
        return (struct slice){0};
    return slice_from(text, len + 1);
}
