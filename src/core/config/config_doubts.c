/*
 * Doubts are no errors: each of these configurations is used by somebody on purpose, if
 * only for a while. They are said once, by whoever loads the configuration.
 */
#include "pullthrough/core/config/config_doubts.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/image/aws_partition.h"

#include <stdio.h>

enum { DOUBT_MAX = ERROR_TEXT_BYTES + 100 };

struct doubts {
    const struct config *config;
    struct slice account, region; /* that hold; empty where nobody says */
    config_doubt_fn tell;
    void *context;
};

static void doubt(const struct doubts *doubts, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void doubt(const struct doubts *doubts, const char *format, ...)
{
    char text[DOUBT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    doubts->tell(doubts->context, text);
}

static void doubt_host(const struct doubts *doubts, const struct config_environment *environment)
{
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(ERROR_TEXT_BYTES);
    struct error error;
    int rc = config_registry_host(doubts->config, environment, &host, &error);

    /* else AWS is asked */
    if (rc == CONFIG_HOST_UNKNOWN && doubts->config->reconcile.mode == CONFIG_RECONCILE_OFF)
        doubt(doubts, "nothing will be rewritten: %s", error.text);
    else if (rc < 0)
        doubt(doubts, "nothing can be rewritten in this environment: %s", error.text);
}

/* ECR user guide, "Using pull through cache rules", considerations */
static void doubt_region(const struct doubts *doubts)
{
    if (slice_starts_with(doubts->region, slice_str("cn-")) ||
        slice_starts_with(doubts->region, slice_str("us-gov-")))
        doubt(doubts, "ECR has no pull-through cache in region %.*s", SLICE_FMT(doubts->region));
}

static void doubt_upstreams(const struct doubts *doubts)
{
    for (size_t i = 0; i < doubts->config->n_upstreams; i++)
        if (doubts->config->upstreams[i].enabled)
            return;
    doubt(doubts, "nothing will be rewritten: %s",
          doubts->config->n_upstreams ? "no upstream is enabled" : "there are no upstreams");
}

/* The field of an ARN, counted from 0; a secret's ARN has seven. */
static struct slice arn_field(struct slice arn, unsigned field)
{
    while (field--)
        arn = slice_from(arn, slice_find(arn, ':') < arn.len ? slice_find(arn, ':') + 1 : arn.len);
    return slice_of(arn.ptr, slice_find(arn, ':'));
}

/* ECR reads secrets of its own account and region only. */
static void doubt_secrets(const struct doubts *doubts)
{
    for (size_t i = 0; i < doubts->config->n_upstreams; i++) {
        struct slice secret = slice_str(doubts->config->upstreams[i].secret);
        struct slice region = arn_field(secret, 3), account = arn_field(secret, 4);

        if (!aws_is_arn(secret))
            continue;
        if (doubts->region.len && !slice_equal(region, doubts->region))
            doubt(doubts,
                  "upstreams[%zu].secret is in region %.*s, but ECR looks for it in region %.*s", i,
                  SLICE_FMT(region), SLICE_FMT(doubts->region));
        if (doubts->account.len && !slice_equal(account, doubts->account))
            doubt(doubts,
                  "upstreams[%zu].secret is in account %.*s, but ECR looks for it in account %.*s",
                  i, SLICE_FMT(account), SLICE_FMT(doubts->account));
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
static void doubt_patterns(const struct doubts *doubts)
{
    for (size_t i = 0; i < doubts->config->rewrite.n_exclude; i++) {
        struct slice pattern = slice_str(doubts->config->rewrite.exclude[i]);
        size_t slash = slice_find_last(pattern, '/');
        struct slice last;

        if (is_stars(pattern))
            doubt(doubts, "nothing will be rewritten: rewrite.exclude, \"%s\", matches every image",
                  pattern.ptr);
        if (slash == pattern.len)
            continue;
        last = slice_from(pattern, slash + 1);
        if (slice_find(last, ':') < last.len || slice_find(last, '@') < last.len)
            doubt(doubts,
                  "rewrite.exclude, \"%s\", matches nothing: a pattern with \"/\" is compared with "
                  "the "
                  "name without tag and digest",
                  pattern.ptr);
    }
}

static void doubt_tls(const struct doubts *doubts)
{
    if (doubts->config->tls.mode == CONFIG_TLS_FILES && !*doubts->config->tls.cert_file)
        doubt(doubts, "no TLS handshake can succeed: tls.certFile and tls.keyFile are empty");
}

void config_doubts(const struct config *config, const struct config_environment *environment,
                   config_doubt_fn tell, void *context)
{
    struct doubts doubts = {
        .config = config,
        .account =
            *config->registry.account ? slice_str(config->registry.account) : environment->account,
        .region =
            *config->registry.region ? slice_str(config->registry.region) : environment->region,
        .tell = tell,
        .context = context,
    };

    doubt_host(&doubts, environment);
    doubt_region(&doubts);
    doubt_upstreams(&doubts);
    doubt_secrets(&doubts);
    doubt_patterns(&doubts);
    doubt_tls(&doubts);
}
