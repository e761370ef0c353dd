/*
 * What belongs to an upstream among rules, templates and secrets, where ECR and people write the
 * same thing in several ways. It compares; what follows from that is reconcile_judge.c's.
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

/* Behind ":secret:" in an ARN; a name is its own. *place gets what stands before. */
static struct slice name_of(const char *secret, struct slice *place)
{
    const char *at = strstr(secret, ":secret:");

    *place = slice_of(secret, at ? (size_t)(at - secret) : 0);
    return slice_str(at ? at + strlen(":secret:") : secret);
}

static bool is_suffix(struct slice text)
{
    if (text.len != SECRET_SUFFIX_BYTES || text.ptr[0] != '-')
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (!((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') ||
              (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') ||
              (text.ptr[i] >= '0' && text.ptr[i] <= '9')))
            return false;
    return true;
}

/* Only what is added may be a suffix: a name like "acme-docker" ends as one does. */
static bool is_suffixed(struct slice longer, struct slice shorter)
{
    return slice_starts_with(longer, shorter) && is_suffix(slice_from(longer, shorter.len));
}

bool reconcile_is_same_secret(const char *a, const char *b)
{
    struct slice a_place, b_place, a_name = name_of(a, &a_place), b_name = name_of(b, &b_place);

    if (a_place.len && b_place.len && !slice_equal(a_place, b_place))
        return false;
    if (slice_equal(a_name, b_name))
        return true;
    return (a_place.len && is_suffixed(a_name, b_name)) ||
           (b_place.len && is_suffixed(b_name, a_name));
}

bool rule_has_secret(const struct ecr_rule *rule, const char *secret)
{
    return rule->credential_arn[0] && reconcile_is_same_secret(rule->credential_arn, secret);
}

/* Six lower-case letters are a word of somebody's name rather than a random suffix. */
static bool is_random_suffix(struct slice text)
{
    if (!is_suffix(text))
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (text.ptr[i] < 'a')
            return true;
    return false;
}

bool secret_was_made_anew(const char *arn, const char *other)
{
    struct slice a = slice_str(arn), b = slice_str(other);
    size_t len = a.len > SECRET_SUFFIX_BYTES ? a.len - SECRET_SUFFIX_BYTES : 0;

    return len && a.len == b.len && !slice_equal(a, b) &&
           slice_equal(slice_of(a.ptr, len), slice_of(b.ptr, len)) &&
           is_random_suffix(slice_from(a, len)) && is_random_suffix(slice_from(b, len));
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
