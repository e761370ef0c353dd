/*
 * Warnings are not errors: each of these configurations is used by somebody on purpose, if
 * only for a while. They are said once, by whoever loads the configuration.
 */
#include "pullthrough/core/config/config_warnings.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/image/aws_partition.h"

#include <stdio.h>

enum { WARNING_MAX = ERROR_TEXT_BYTES + 100 };

struct warnings {
    const struct config *config;
    struct slice account, region; /* that hold; empty where nobody says */
    config_warning_fn tell;
    void *context;
};

static void warn(const struct warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void warn(const struct warnings *warnings, const char *format, ...)
{
    char text[WARNING_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    warnings->tell(warnings->context, text);
}

static void check_host(const struct warnings *warnings,
                       const struct config_environment *environment)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(ERROR_TEXT_BYTES);
    struct error error;
    int rc = config_registry_host(warnings->config, environment, &host, &error);

    /* else AWS is asked */
    if (rc == CONFIG_HOST_UNKNOWN && warnings->config->reconcile.mode == CONFIG_RECONCILE_OFF)
        warn(warnings, "nothing will be rewritten: %s", error.text);
    else if (rc < 0)
        warn(warnings, "nothing can be rewritten in this environment: %s", error.text);
}

/* ECR user guide, "Using pull through cache rules", considerations */
static void check_region(const struct warnings *warnings)
{
    if (slice_starts_with(warnings->region, slice_str("cn-")) ||
        slice_starts_with(warnings->region, slice_str("us-gov-")))
        warn(warnings, "ECR has no pull-through cache in region %.*s", SLICE_FMT(warnings->region));
}

static void check_upstreams(const struct warnings *warnings)
{
    for (size_t i = 0; i < warnings->config->n_upstreams; i++)
        if (warnings->config->upstreams[i].enabled)
            return;
    warn(warnings, "nothing will be rewritten: %s",
         warnings->config->n_upstreams ? "no upstream is enabled" : "there are no upstreams");
}

/* The field of an ARN, counted from 0; a secret's ARN has seven. */
static struct slice arn_field(struct slice arn, unsigned field)
{
    while (field--)
        arn = slice_from(arn, slice_find(arn, ':') < arn.len ? slice_find(arn, ':') + 1 : arn.len);
    return slice_of(arn.ptr, slice_find(arn, ':'));
}

/* ECR reads secrets of its own account and region only. */
static void check_secrets(const struct warnings *warnings)
{
    for (size_t i = 0; i < warnings->config->n_upstreams; i++) {
        struct slice secret = slice_str(warnings->config->upstreams[i].secret);
        struct slice region = arn_field(secret, 3), account = arn_field(secret, 4);

        if (!aws_is_arn(secret))
            continue;
        if (warnings->region.len && !slice_equal(region, warnings->region))
            warn(warnings,
                 "upstreams[%zu].secret is in region %.*s, but ECR looks for it in region %.*s", i,
                 SLICE_FMT(region), SLICE_FMT(warnings->region));
        if (warnings->account.len && !slice_equal(account, warnings->account))
            warn(warnings,
                 "upstreams[%zu].secret is in account %.*s, but ECR looks for it in account %.*s",
                 i, SLICE_FMT(account), SLICE_FMT(warnings->account));
    }
}

static bool is_stars(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (pattern.ptr[i] != '*')
            return false;
    return true;
}

/* A pattern with "/" is compared with a name that has no tag and no digest. */
static void check_patterns(const struct warnings *warnings)
{
    for (size_t i = 0; i < warnings->config->rewrite.n_exclude; i++) {
        struct slice pattern = slice_str(warnings->config->rewrite.exclude[i]);
        size_t slash = slice_find_last(pattern, '/');
        struct slice last;

        if (is_stars(pattern))
            warn(warnings,
                 "nothing will be rewritten: rewrite.exclude, \"%s\", matches every image",
                 pattern.ptr);
        if (slash == pattern.len)
            continue;
        last = slice_from(pattern, slash + 1);
        if (slice_find(last, ':') < last.len || slice_find(last, '@') < last.len)
            warn(warnings,
                 "rewrite.exclude, \"%s\", matches nothing: a pattern with \"/\" is compared with "
                 "the "
                 "name without tag and digest",
                 pattern.ptr);
    }
}

/* A tag has none of these. */
static void check_tags(const struct warnings *warnings)
{
    const struct config_rewrite *rewrite = &warnings->config->rewrite;

    for (size_t i = 0; i < rewrite->n_exclude_tags; i++) {
        const char *pattern = rewrite->exclude_tags[i];

        if (is_stars(slice_str(pattern)))
            warn(warnings, "%s will be rewritten: rewrite.excludeTags, \"%s\", matches every tag",
                 rewrite->digests == CONFIG_DIGESTS_SKIP ? "nothing" : "only images with a digest",
                 pattern);
        if (strpbrk(pattern, "/:@"))
            warn(warnings,
                 "rewrite.excludeTags, \"%s\", matches nothing: a pattern is compared with the tag "
                 "alone",
                 pattern);
    }
}

static void check_cached(const struct warnings *warnings)
{
    const struct config *config = warnings->config;
    bool when = config->rewrite.when == CONFIG_WHEN_CACHED;

    if (config_is_cached(config) && config->fallback.to == CONFIG_FALLBACK_NONE)
        warn(warnings,
             "rewrite.%s \"cached\" leaves images to their upstreams until ECR holds them, but "
             "fallback.to \"none\" says that nodes don't reach those",
             when ? "when" : "digests");
    if (when && config->rewrite.digests == CONFIG_DIGESTS_REWRITE)
        warn(warnings,
             "rewrite.digests \"rewrite\" is the same as \"cached\", since rewrite.when is "
             "\"cached\"");
}

static void check_tls(const struct warnings *warnings)
{
    if (warnings->config->tls.mode == CONFIG_TLS_FILES && !*warnings->config->tls.cert_file)
        warn(warnings, "no TLS handshake can succeed: tls.certFile and tls.keyFile are empty");
}

void config_warnings(const struct config *config, const struct config_environment *environment,
                     config_warning_fn tell, void *context)
{
    struct warnings warnings = {
        .config = config,
        .account =
            *config->registry.account ? slice_str(config->registry.account) : environment->account,
        .region =
            *config->registry.region ? slice_str(config->registry.region) : environment->region,
        .tell = tell,
        .context = context,
    };

    check_host(&warnings, environment);
    check_region(&warnings);
    check_upstreams(&warnings);
    check_secrets(&warnings);
    check_patterns(&warnings);
    check_tags(&warnings);
    check_cached(&warnings);
    check_tls(&warnings);
}
