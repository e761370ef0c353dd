/*
 * When two ways of writing a secret mean the same one, what Secrets Manager's answer about one
 * comes to, and whether it has to be asked. Nothing here says what follows for an upstream: that is
 * reconcile_judge.c's.
 */
#include "pullthrough/core/reconcile/reconcile_observation.h"

#include "reconcile_find.h"

#include "pullthrough/core/image/aws_partition.h"

enum { SECRET_SUFFIX_BYTES = 7 }; /* Secrets Manager ends an ARN in "-" and six characters */

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

bool reconcile_has_secret(const struct ecr_rule *rule, const char *secret)
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

bool reconcile_is_made_anew(const char *arn, const char *other)
{
    struct slice a = slice_str(arn), b = slice_str(other);
    size_t len = a.len > SECRET_SUFFIX_BYTES ? a.len - SECRET_SUFFIX_BYTES : 0;

    return len && a.len == b.len && !slice_equal(a, b) &&
           slice_equal(slice_of(a.ptr, len), slice_of(b.ptr, len)) &&
           is_random_suffix(slice_from(a, len)) && is_random_suffix(slice_from(b, len));
}

enum reconcile_secret reconcile_secret_of(const struct secret_description *description)
{
    if (description->deleted)
        return RECONCILE_SECRET_DELETED;
    if (!description->has_value)
        return RECONCILE_SECRET_EMPTY;
    if (!secrets_has_default_key(description))
        return RECONCILE_SECRET_FOREIGN_KEY;
    return RECONCILE_SECRET_FOUND;
}

enum reconcile_secret reconcile_secret_refused(const struct aws_error *failure)
{
    if (failure->class == AWS_ERROR_NOT_FOUND)
        return RECONCILE_SECRET_ABSENT;
    if (failure->class == AWS_ERROR_ACCESS_DENIED)
        return RECONCILE_SECRET_FORBIDDEN;
    return RECONCILE_SECRET_FAILED;
}

int64_t reconcile_retry_s(enum aws_error_class class)
{
    switch (class) {
    case AWS_ERROR_QUOTA:
    case AWS_ERROR_UNSUPPORTED_UPSTREAM:
    case AWS_ERROR_SECRET_REQUIRED:
    case AWS_ERROR_INVALID: return 3600; /* somebody has to change something */
    case AWS_ERROR_SECRET_NOT_FOUND:
    case AWS_ERROR_SECRET_INACCESSIBLE:
    case AWS_ERROR_SECRET_UNDECRYPTABLE:
    case AWS_ERROR_ACCESS_DENIED: return 300;
    default: return 0; /* the pass's own interval is enough */
    }
}

bool reconcile_wants_secret(const struct reconcile_wanted *wanted, const struct ecr_rules *rules,
                            size_t upstream)
{
    const struct config_upstream *asked = &wanted->upstreams[upstream];
    const struct ecr_rule *rule = ecr_rules_find(rules, asked->prefix);

    if (!asked->enabled || wanted->mode != RECONCILE_MANAGE || !rules || !asked->secret[0] ||
        aws_is_arn(slice_str(asked->secret)))
        return false;
    return !rule || (rule_has_url(rule, asked->url) && !reconcile_has_secret(rule, asked->secret));
}

bool reconcile_wants_rule_secret(const struct reconcile_wanted *wanted,
                                 const struct ecr_rules *rules, size_t upstream)
{
    const struct ecr_rule *rule = ecr_rules_find(rules, wanted->upstreams[upstream].prefix);

    return rule && rule->credential_arn[0] && reconcile_wants_secret(wanted, rules, upstream);
}
