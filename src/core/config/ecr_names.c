/*
 * Prefixes and secrets by the patterns of the ECR service model (ecr/2015-09-21,
 * PullThroughCacheRuleRepositoryPrefix and CredentialArn). Narrower than ECR in one thing:
 * no "/" at the end of a prefix and no ROOT.
 */
#include "ecr_names.h"

#include "pullthrough/core/image/aws_partition.h"

#include <stdbool.h>

enum {
    PREFIX_MIN = 2,
    PREFIX_MAX = 30,
    SECRET_NAME_MAX = 512, /* Secrets Manager, CreateSecret */
    SECRET_ARN_MIN = 50,
    SECRET_ARN_MAX = 612,
};

static const char secret_start[] = "ecr-pullthroughcache/";

static bool is_lower_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
    return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z');
}

/* Only bytes that are alphanumeric or in `others`. */
static bool consists_of(struct slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alphanumeric(text.ptr[i]) && !(text.ptr[i] && strchr(others, text.ptr[i])))
            return false;
    return true;
}

/* [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* */
static bool is_path_component(struct slice text)
{
    size_t at = 0;

    for (;;) {
        size_t start = at, run;
        char c;

        while (at < text.len && is_lower_alphanumeric(text.ptr[at]))
            at++;
        if (at == start)
            return false;
        if (at == text.len)
            return true;
        c = text.ptr[at];
        for (run = 0; at < text.len && text.ptr[at] == c; run++)
            at++;
        if (!(c == '-' || (c == '_' && run <= 2) || (c == '.' && run == 1)))
            return false;
    }
}

int ecr_name_prefix(struct slice text, struct error *error)
{
    struct slice rest = text;

    if (slice_is(text, "ROOT"))
        return error_set(error, "ROOT is ECR's rule for every repository without one of its own; "
                                "give the upstream a prefix");
    if (text.len < PREFIX_MIN || text.len > PREFIX_MAX)
        return error_set(error, "a prefix has %d to %d bytes", PREFIX_MIN, PREFIX_MAX);
    if (text.ptr[text.len - 1] == '/')
        return error_set(error, "leave the \"/\" at the end out: ECR adds one after a prefix");
    for (;;) {
        size_t slash = slice_find(rest, '/');

        if (!is_path_component(slice_of(rest.ptr, slash)))
            return error_set(error, "a prefix is lower-case letters and digits, joined by \".\", "
                                    "\"_\", \"__\", dashes or \"/\"");
        if (slash == rest.len)
            return 0;
        rest = slice_from(rest, slash + 1);
    }
}

static bool take(struct slice *text, const char *start)
{
    struct slice wanted = slice_str(start);

    if (!slice_starts_with(*text, wanted))
        return false;
    *text = slice_from(*text, wanted.len);
    return true;
}

/* (-\w+)*: the rest of a partition's name */
static bool is_partition_rest(struct slice text)
{
    while (text.len) {
        size_t word = 1;

        while (word < text.len && (is_alphanumeric(text.ptr[word]) || text.ptr[word] == '_'))
            word++;
        if (text.ptr[0] != '-' || word == 1)
            return false;
        text = slice_from(text, word);
    }
    return true;
}

static bool is_secret_rest(struct slice text)
{
    return text.len && consists_of(text, "/_+=.@-");
}

/* ^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$
 * Behind "secret:" there is no other ":", so the last one is where the name begins. */
static bool is_secret_arn(struct slice text)
{
    size_t colon = slice_find_last(text, ':');
    struct slice name, where;

    if (text.len < SECRET_ARN_MIN || text.len > SECRET_ARN_MAX || colon == text.len)
        return false;
    name = slice_from(text, colon + 1);
    where = slice_of(text.ptr, colon);
    if (!take(&name, secret_start) || !is_secret_rest(name) || !take(&where, "arn:aws") ||
        !slice_ends_with(where, slice_str(":secret")))
        return false;
    where.len -= sizeof(":secret") - 1;
    colon = slice_find(where, ':');
    if (!is_partition_rest(slice_of(where.ptr, colon)))
        return false;
    where = slice_from(where, colon);
    return take(&where, ":secretsmanager:") && where.len && consists_of(where, "-:");
}

int ecr_name_secret(struct slice text, struct error *error)
{
    struct slice name = text;

    if (aws_is_arn(text)) {
        if (is_secret_arn(text))
            return 0;
        return error_set(error,
                         "not an ARN that ECR takes: "
                         "arn:aws:secretsmanager:REGION:ACCOUNT:secret:%sNAME-SUFFIX",
                         secret_start);
    }
    if (!take(&name, secret_start))
        return error_set(error,
                         "ECR reads only secrets whose name begins with %s (write the name "
                         "or the ARN, not what the secret holds)",
                         secret_start);
    if (!is_secret_rest(name))
        return error_set(error, "behind %s the name is letters, digits and /_+=.@-", secret_start);
    if (text.len > SECRET_NAME_MAX)
        return error_set(error, "the name of a secret is at most %d bytes", SECRET_NAME_MAX);
    return 0;
}
