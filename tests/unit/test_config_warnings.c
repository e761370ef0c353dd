#include "pullthrough/core/config/config_warnings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A configuration that asks for no warning, in two parts so that rows can add to `registry`. */
#define REGISTRY "registry: {account: '111122223333', region: us-west-2}\n"
#define TLS      "tls: {mode: files, certFile: c, keyFile: k}\n"

/* Without it AWS is asked for what is not known. */
#define OFF "reconcile: {mode: 'off'}\nrewrite: {requireRule: false}\n"

#define ARN(region, account)                                                                       \
    "arn:aws:secretsmanager:" region ":" account ":secret:ecr-pullthroughcache/x-AbCdEf"

static void collect(void *context, const char *warning)
{
    strbuf_add_str(context, warning);
    strbuf_add_char(context, '\n');
}

static void test_warnings(void **state)
{
    static const struct {
        const char *yaml, *region, *account, *want;
    } rows[] = {
        {REGISTRY TLS, "", "", ""},
        {TLS, "eu-west-1", "444455556666", ""},
        {"registry: {host: 'localhost:5000'}\n" TLS, "", "", ""},
        {TLS, "", "", ""},
        {OFF TLS, "", "",
         "nothing will be rewritten: the registry's account and region are unknown: set "
         "registry.account and registry.region, or AWS_ACCOUNT_ID and AWS_REGION\n"},
        {TLS, "us-west-2", "nobody",
         "nothing can be rewritten in this environment: AWS_ACCOUNT_ID is not 12 digits\n"},
        {REGISTRY, "", "", ""},
        {REGISTRY "tls: {mode: files}", "", "",
         "no TLS handshake can succeed: tls.certFile and tls.keyFile are empty\n"},
        {"registry: {account: '111122223333', region: cn-north-1}\n" TLS, "", "",
         "ECR has no pull-through cache in region cn-north-1\n"},
        {TLS, "us-gov-west-1", "111122223333",
         "ECR has no pull-through cache in region us-gov-west-1\n"},
        {REGISTRY TLS "upstreams: []", "", "",
         "nothing will be rewritten: there are no upstreams\n"},
        {REGISTRY TLS "upstreams: [{registry: quay.io, enabled: false}]", "", "",
         "nothing will be rewritten: no upstream is enabled\n"},
        {REGISTRY TLS
         "upstreams: [{registry: docker.io, secret: '" ARN("us-west-2", "111122223333") "'}]",
         "", "", ""},
        {REGISTRY TLS
         "upstreams: [{registry: docker.io, secret: '" ARN("us-east-1", "111122223333") "'}]",
         "", "",
         "upstreams[0].secret is in region us-east-1, but ECR looks for it in region us-west-2\n"},
        {REGISTRY TLS
         "upstreams: [{registry: docker.io, secret: '" ARN("us-west-2", "444455556666") "'}]",
         "", "",
         "upstreams[0].secret is in account 444455556666, but ECR looks for it in account "
         "111122223333\n"},
        {REGISTRY TLS "rewrite: {exclude: [auto, '**']}", "", "",
         "nothing will be rewritten: rewrite.exclude, \"**\", matches every image\n"},
        {REGISTRY TLS "rewrite: {exclude: ['*:edge', 'localhost:5000/*', 'quay.io/*']}", "", "",
         ""},
        {REGISTRY TLS "rewrite: {exclude: ['quay.io/team/app:1.*']}", "", "",
         "rewrite.exclude, \"quay.io/team/app:1.*\", matches nothing: a pattern with \"/\" is "
         "compared with the name without tag and digest\n"},
        {REGISTRY TLS "rewrite: {exclude: ['*/app@sha256:*']}", "", "",
         "rewrite.exclude, \"*/app@sha256:*\", matches nothing: a pattern with \"/\" is "
         "compared with the name without tag and digest\n"},
        {REGISTRY TLS "rewrite: {excludeTags: [latest, 'nightly*']}", "", "", ""},
        {REGISTRY TLS "rewrite: {excludeTags: ['*']}", "", "",
         "nothing will be rewritten: rewrite.excludeTags, \"*\", matches every tag\n"},
        {REGISTRY TLS "rewrite: {excludeTags: ['*'], digests: cached}", "", "",
         "only images with a digest will be rewritten: rewrite.excludeTags, \"*\", matches every "
         "tag\n"},
        {REGISTRY TLS "rewrite: {excludeTags: [':latest']}", "", "",
         "rewrite.excludeTags, \":latest\", matches nothing: a pattern is compared with the tag "
         "alone\n"},
        {REGISTRY TLS "rewrite: {when: cached}", "", "", ""},
        {REGISTRY TLS "rewrite: {when: cached, digests: skip}\nfallback: {to: none}", "", "",
         "rewrite.when \"cached\" leaves images to their upstreams until ECR holds them, but "
         "fallback.to \"none\" says that nodes don't reach those\n"},
        {REGISTRY TLS "rewrite: {digests: cached}\nfallback: {to: none}", "", "",
         "rewrite.digests \"cached\" leaves images to their upstreams until ECR holds them, but "
         "fallback.to \"none\" says that nodes don't reach those\n"},
        {REGISTRY TLS "rewrite: {when: cached, digests: rewrite}", "", "",
         "rewrite.digests \"rewrite\" is the same as \"cached\", since rewrite.when is "
         "\"cached\"\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(4096);
        CONFIG_CLEANUP const struct config *config = NULL;
        struct config_environment environment = {slice_str(rows[i].region),
                                                 slice_str(rows[i].account)};
        struct error error = {""};

        if (config_parse(&config, slice_str(rows[i].yaml), &error))
            fail_msg("%s", error.text);
        config_warnings(config, &environment, collect, &got);
        assert_string_equal(strbuf_str(&got), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_warnings)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
