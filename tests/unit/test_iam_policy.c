#include "pullthrough/core/iam/iam_policy.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct iam_place here = {"aws", "111122223333", "eu-central-1"};

/* "Sid: action action resource resource\n..." of a policy, which must be valid JSON. */
static void sketch(struct strbuf *out, const struct strbuf *policy)
{
    json_error_t error;
    json_t *document = json_loads(strbuf_str(policy), JSON_REJECT_DUPLICATES, &error);
    json_t *statement, *each;
    size_t i, k;

    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "Version")), "2012-10-17");
    json_array_foreach(json_object_get(document, "Statement"), i, statement)
    {
        const char *const lists[] = {"Action", "Resource"};

        assert_string_equal(json_string_value(json_object_get(statement, "Effect")), "Allow");
        strbuf_add_format(out, "%s:", json_string_value(json_object_get(statement, "Sid")));
        for (size_t n = 0; n < 2; n++) {
            json_t *list = json_object_get(statement, lists[n]);

            if (json_is_string(list))
                strbuf_add_format(out, " %s", json_string_value(list));
            json_array_foreach(list, k, each)
                strbuf_add_format(out, " %s", json_string_value(each));
        }
        strbuf_add_char(out, '\n');
    }
    json_decref(document);
}

static const struct config *parse(const char *yaml)
{
    const struct config *config = NULL;
    struct error error = {""};

    if (config_parse(&config, slice_str(yaml), &error) != 0)
        fail_msg("%s", error.text);
    return config;
}

#define ONE_PUBLIC "upstreams: [{registry: quay.io}]\n"
#define LOOK       "Look: ecr:DescribePullThroughCacheRules ecr:DescribeRepositoryCreationTemplates *\n"
#define FIRST                                                                                      \
    "FirstRuleOfTheAccount: iam:CreateServiceLinkedRole "                                          \
    "arn:aws:iam::111122223333:role/aws-service-role/pullthroughcache.ecr.amazonaws.com/"          \
    "AWSServiceRoleForECRPullThroughCache\n"
#define CREATE_ONLY "MakeRules: ecr:CreatePullThroughCacheRule *\n" FIRST
#define CREATE_AND_UPDATE                                                                          \
    "MakeRules: ecr:CreatePullThroughCacheRule ecr:UpdatePullThroughCacheRule "                    \
    "ecr:ValidatePullThroughCacheRule *\n" FIRST
#define SECRET       "arn:aws:secretsmanager:eu-central-1:111122223333:secret:"
#define TEMPLATE     "MakeTemplate: ecr:CreateRepositoryCreationTemplate *\n"
#define REPOSITORIES " arn:aws:ecr:eu-central-1:111122223333:repository/*\n"

#define QUAY " arn:aws:ecr:eu-central-1:111122223333:repository/quaycache/*\n"
#define FILL                                                                                       \
    "LogIn: ecr:GetAuthorizationToken *\n"                                                         \
    "ListTheCache: ecr:DescribeRepositories" REPOSITORIES                                          \
    "FillTheCache: ecr:ListImages ecr:DescribeImages ecr:BatchGetImage "                           \
    "ecr:BatchImportUpstreamImage ecr:CreateRepository" QUAY

static void test_the_webhook(void **state)
{
    static const struct {
        const char *config, *policy;
    } cases[] = {
        {"", LOOK CREATE_AND_UPDATE "FindSecrets: secretsmanager:DescribeSecret " SECRET
                                    "ecr-pullthroughcache/dockerio-?????? " SECRET
                                    "ecr-pullthroughcache/ghcr-??????\n" TEMPLATE
                                    "WhatTheTemplateDoes: ecr:CreateRepository" REPOSITORIES},
        {"reconcile: {mode: observe, readSecrets: true, scanning: enhanced}", LOOK},
        {ONE_PUBLIC,
         LOOK CREATE_ONLY TEMPLATE "WhatTheTemplateDoes: ecr:CreateRepository" REPOSITORIES},
        {ONE_PUBLIC "reconcile: {template: {manage: false}}", LOOK CREATE_ONLY},
        {ONE_PUBLIC "reconcile: {template: {lifecycle: {keepLast: 3}, repositoryPolicy: '{}'}}",
         LOOK CREATE_ONLY TEMPLATE "WhatTheTemplateDoes: ecr:CreateRepository "
                                   "ecr:PutLifecyclePolicy ecr:SetRepositoryPolicy" REPOSITORIES},
        {"upstreams: [{registry: ghcr.io, secret: ecr-pullthroughcache/x}, {registry: docker.io, "
         "secret: ecr-pullthroughcache/x}, {registry: registry.gitlab.com, prefix: gitlab, secret: "
         "ecr-pullthroughcache/off, enabled: false}]\n"
         "reconcile: {readSecrets: true, validate: 0s, template: {manage: false}}",
         LOOK "MakeRules: ecr:CreatePullThroughCacheRule ecr:UpdatePullThroughCacheRule *\n" FIRST
              "FindSecrets: secretsmanager:DescribeSecret secretsmanager:GetSecretValue " SECRET
              "ecr-pullthroughcache/x-??????\n"},
        {"upstreams: [{registry: ghcr.io, secret: "
         "'arn:aws:secretsmanager:eu-central-1:111122223333:secret:ecr-pullthroughcache/g-AbCdEf'}]"
         "\nreconcile: {template: {manage: false}}",
         LOOK CREATE_AND_UPDATE},
        {ONE_PUBLIC "reconcile: {scanning: enhanced, template: {manage: false}}",
         LOOK CREATE_ONLY "EnhancedScanning: ecr:GetRegistryScanningConfiguration "
                          "ecr:PutRegistryScanningConfiguration inspector2:Enable *\n"
                          "FirstScanOfTheAccount: iam:CreateServiceLinkedRole *\n"},
        {ONE_PUBLIC "reconcile: {mode: observe}\nrewrite: {when: cached}", LOOK FILL},
        {ONE_PUBLIC "reconcile: {mode: observe}\nrewrite: {digests: cached}", LOOK FILL},
        {ONE_PUBLIC "reconcile: {template: {manage: false}}\n"
                    "rewrite: {when: cached, digests: skip}",
         LOOK CREATE_ONLY FILL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(IAM_POLICY_MAX);
        CONFIG_CLEANUP const struct config *config = parse(cases[i].config);

        assert_int_equal(iam_policy_webhook(&policy, config, &here), 0);
        sketch(&got, &policy);
        assert_string_equal(strbuf_str(&got), cases[i].policy);
    }
}

static void test_mode_off_needs_none(void **state)
{
    STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
    CONFIG_CLEANUP const struct config *config = parse("reconcile: {mode: off}\n"
                                                       "rewrite: {requireRule: false}\n");

    (void)state;
    assert_int_equal(iam_policy_webhook(&policy, config, &here), IAM_POLICY_NOT_NEEDED);
    assert_int_equal(policy.len, 0);
}

#define REPOSITORY " arn:aws-eusc:ecr:eusc-de-east-1:111122223333:repository/quaycache/*\n"

static void test_partitions(void **state)
{
    static const struct iam_place there = {"aws-eusc", "111122223333", "eusc-de-east-1"};
    static const char *const principals[] = {"444455556666",
                                             "arn:aws-eusc:iam::111122223333:role/nodes"};
    STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(IAM_POLICY_MAX);
    CONFIG_CLEANUP const struct config *config = parse(ONE_PUBLIC);

    (void)state;
    iam_policy_nodes(&policy, config, &there);
    sketch(&got, &policy);
    strbuf_clear(&policy);
    iam_policy_registry(&policy, config, &there, principals, 2);
    sketch(&got, &policy);
    assert_non_null(strstr(strbuf_str(&policy), "\"arn:aws-eusc:iam::444455556666:root\","));
    assert_non_null(strstr(strbuf_str(&policy), "\"arn:aws-eusc:iam::111122223333:role/nodes\""));
    assert_string_equal(
        strbuf_str(&got),
        "LogIn: ecr:GetAuthorizationToken *\n"
        "PullThrough: ecr:BatchGetImage ecr:GetDownloadUrlForLayer "
        "ecr:BatchImportUpstreamImage ecr:CreateRepository" REPOSITORY
        "PullThrough: ecr:BatchImportUpstreamImage ecr:CreateRepository" REPOSITORY);
}

/* Only what ECR holds is pulled from it: no repository is made by a pull. */
static void test_nodes_that_make_no_repository(void **state)
{
    static const struct {
        const char *rewrite;
        const char *more;
    } rows[] = {
        {"{when: always}", " ecr:CreateRepository"},
        {"{digests: cached}", " ecr:CreateRepository"},
        {"{when: cached}", ""},
        {"{when: cached, digests: skip}", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf yaml = STRBUF_INIT(1000);
        STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
        STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(IAM_POLICY_MAX);
        STRBUF_CLEANUP struct strbuf want = STRBUF_INIT(IAM_POLICY_MAX);
        CONFIG_CLEANUP const struct config *config = NULL;

        strbuf_add_format(&yaml, ONE_PUBLIC "rewrite: %s", rows[i].rewrite);
        config = parse(strbuf_str(&yaml));
        iam_policy_nodes(&policy, config, &here);
        sketch(&got, &policy);
        strbuf_add_format(&want,
                          "LogIn: ecr:GetAuthorizationToken *\n"
                          "PullThrough: ecr:BatchGetImage ecr:GetDownloadUrlForLayer "
                          "ecr:BatchImportUpstreamImage%s" QUAY,
                          rows[i].more);
        assert_string_equal(strbuf_str(&got), strbuf_str(&want));
    }
}

static void test_verify_asks_for_no_value(void **state)
{
    STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
    CONFIG_CLEANUP const struct config *config = parse("reconcile: {readSecrets: true}");

    (void)state;
    iam_policy_verify(&policy, config, &here);
    assert_non_null(strstr(strbuf_str(&policy), "secretsmanager:DescribeSecret"));
    assert_null(strstr(strbuf_str(&policy), "GetSecretValue"));
}

static void test_fifty_upstreams_fit(void **state)
{
    STRBUF_CLEANUP struct strbuf yaml = STRBUF_INIT(CONFIG_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;

    (void)state;
    strbuf_add_str(&yaml, "upstreams:\n");
    for (int i = 0; i < CONFIG_UPSTREAMS_MAX; i++)
        strbuf_add_format(&yaml,
                          "- {registry: name%d.azurecr.io, prefix: p%d, secret: "
                          "ecr-pullthroughcache/%0400d}\n",
                          i, i, i);
    strbuf_add_str(&yaml, "rewrite: {when: cached}\n");
    config = parse(strbuf_str(&yaml));
    assert_int_equal(iam_policy_webhook(&policy, config, &here), 0);
    iam_policy_verify(&policy, config, &here);
    assert_false(strbuf_overflowed(&policy));
}

static void test_principals(void **state)
{
    static const char *const good[] = {
        "111122223333",
        "arn:aws:iam::111122223333:role/nodes",
        "arn:aws-cn:iam::111122223333:role/path/of/nodes+a=b,c.d@e-f_g",
        "arn:aws:iam::111122223333:user/somebody",
        "arn:aws:iam::111122223333:root",
    };
    static const char *const bad[] = {
        "",
        "*",
        "11112222333",
        "nodes",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::11112222333:role/nodes",
        "arn:aws:iam:us-east-1:111122223333:role/nodes",
        "arn:aws:sts::111122223333:assumed-role/nodes/i-1",
        "arn:aws:iam::111122223333:role/no\"des",
        "arn:aws:iam::111122223333:role/nodes\n",
    };
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(iam_policy_check_principal(slice_str(good[i]), &error), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(iam_policy_check_principal(slice_str(bad[i]), &error), -1);
        assert_non_null(strstr(error.text, "a principal is an account's 12 digits"));
    }
}

static void test_issuers(void **state)
{
    static const struct {
        const char *text, *issuer; /* NULL: refused */
    } cases[] = {
        {"https://oidc.eks.eu-west-1.amazonaws.com/id/0123ABCD",
         "oidc.eks.eu-west-1.amazonaws.com/id/0123ABCD"},
        {"oidc.eks.eu-west-1.amazonaws.com/id/0123ABCD/",
         "oidc.eks.eu-west-1.amazonaws.com/id/0123ABCD"},
        {"issuer.example", "issuer.example"},
        {"", NULL},
        {"https://", NULL},
        {"http://issuer.example", NULL},
        {"https://issuer.example/a?b", NULL},
        {"https://issuer.example/*", NULL},
        {"https://issuer.example/a\"b", NULL},
        {"localhost", NULL},
    };
    char issuer[IAM_ISSUER_BYTES], longest[300];
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].issuer) {
            assert_int_equal(iam_policy_issuer(issuer, slice_str(cases[i].text), &error), 0);
            assert_string_equal(issuer, cases[i].issuer);
        } else {
            assert_int_equal(iam_policy_issuer(issuer, slice_str(cases[i].text), &error), -1);
            assert_non_null(strstr(error.text, "an issuer is a URL such as"));
        }
    }
    memset(longest, '.', sizeof(longest));
    assert_int_equal(iam_policy_issuer(issuer, slice_of(longest, IAM_ISSUER_BYTES - 1), &error), 0);
    assert_int_equal(iam_policy_issuer(issuer, slice_of(longest, IAM_ISSUER_BYTES), &error), -1);
}

static void test_trust(void **state)
{
    static const struct iam_subject subject = {"system-a", "hook.b"};
    STRBUF_CLEANUP struct strbuf policy = STRBUF_INIT(IAM_POLICY_MAX);
    STRBUF_CLEANUP struct strbuf got = STRBUF_INIT(IAM_POLICY_MAX);

    (void)state;
    iam_policy_trust_irsa(&policy, &here, "issuer.example/id/1", &subject);
    sketch(&got, &policy);
    assert_non_null(strstr(strbuf_str(&policy),
                           "\"arn:aws:iam::111122223333:oidc-provider/issuer.example/id/1\""));
    assert_non_null(strstr(strbuf_str(&policy), "\"issuer.example/id/1:sub\": "
                                                "\"system:serviceaccount:system-a:hook.b\""));
    assert_non_null(
        strstr(strbuf_str(&policy), "\"issuer.example/id/1:aud\": \"sts.amazonaws.com\""));
    strbuf_clear(&policy);
    iam_policy_trust_pod_identity(&policy, &subject);
    sketch(&got, &policy);
    assert_non_null(
        strstr(strbuf_str(&policy), "\"aws:RequestTag/kubernetes-service-account\": \"hook.b\""));
    assert_string_equal(strbuf_str(&got), "ServiceAccount: sts:AssumeRoleWithWebIdentity\n"
                                          "ServiceAccount: sts:AssumeRole sts:TagSession\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_webhook),
        cmocka_unit_test(test_mode_off_needs_none),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_nodes_that_make_no_repository),
        cmocka_unit_test(test_verify_asks_for_no_value),
        cmocka_unit_test(test_fifty_upstreams_fit),
        cmocka_unit_test(test_principals),
        cmocka_unit_test(test_issuers),
        cmocka_unit_test(test_trust),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
