#include "pullthrough/edge/aws/ecr_client.h"

#include "aws_bench.h"
#include "fake_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct bench {
    struct fake_script script;
    struct fake_http *server;
    struct fake_surroundings fake;
    struct aws_client *aws;
    struct arena arena;
    struct aws_error failure;
    struct error error;
    struct ecr_client client;
};

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    bench->server = fake_http_start(fake_script_follow, &bench->script, NULL, NULL);
    fake_surroundings_init(&bench->fake);
    bench->aws = aws_bench_client(&bench->fake, bench->server);
    arena_init(&bench->arena, 1000);
    bench->client = (struct ecr_client){.aws = bench->aws,
                                        .arena = &bench->arena,
                                        .failure = &bench->failure,
                                        .error = &bench->error};
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    arena_fini(&bench->arena);
    aws_client_free(bench->aws);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->server);
    free(bench);
    return 0;
}

static void check_request(const struct bench *bench, size_t i, const char *target, const char *body)
{
    char value[200];

    fake_script_header(&bench->script, i, "X-Amz-Target", value, sizeof(value));
    assert_string_equal(value, target);
    assert_string_equal(bench->script.requests[i].body, body);
}

#define ECR          "AmazonEC2ContainerRegistry_V20150921."
#define RULE(prefix) "{\"ecrRepositoryPrefix\":\"" prefix "\",\"upstreamRegistryUrl\":\"quay.io\"}"

static void test_rules_page_by_page(void **state)
{
    struct bench *bench = *state;
    struct ecr_rules rules;

    fake_script_add(
        &bench->script, 200, "",
        "{\"pullThroughCacheRules\":[" RULE("a") "," RULE("b") "],\"nextToken\":\"2\"}");
    fake_script_add(&bench->script, 200, "", "{\"pullThroughCacheRules\":[],\"nextToken\":\"3\"}");
    fake_script_add(&bench->script, 200, "", "{\"pullThroughCacheRules\":[" RULE("c") "]}");
    assert_int_equal(ecr_client_rules(&bench->client, &rules), 0);
    assert_int_equal(rules.n, 3);
    assert_string_equal(rules.items[0].prefix, "a");
    assert_string_equal(rules.items[2].prefix, "c");
    check_request(bench, 0, ECR "DescribePullThroughCacheRules", "{\"maxResults\":1000}");
    check_request(bench, 1, ECR "DescribePullThroughCacheRules",
                  "{\"maxResults\":1000,\"nextToken\":\"2\"}");
    check_request(bench, 2, ECR "DescribePullThroughCacheRules",
                  "{\"maxResults\":1000,\"nextToken\":\"3\"}");
}

static void test_templates_page_by_page(void **state)
{
    struct bench *bench = *state;
    struct ecr_templates templates;

    fake_script_add(&bench->script, 200, "",
                    "{\"registryId\":\"111122223333\",\"repositoryCreationTemplates\":[{\"prefix\":"
                    "\"a\"}],\"nextToken\":\"2\"}");
    fake_script_add(&bench->script, 200, "",
                    "{\"registryId\":\"111122223333\",\"repositoryCreationTemplates\":[{\"prefix\":"
                    "\"ROOT\",\"appliedFor\":[\"PULL_THROUGH_CACHE\"]}]}");
    assert_int_equal(ecr_client_templates(&bench->client, &templates), 0);
    assert_int_equal(templates.n, 2);
    assert_string_equal(templates.registry_id, "111122223333");
    check_request(bench, 1, ECR "DescribeRepositoryCreationTemplates",
                  "{\"maxResults\":50,\"nextToken\":\"2\"}");
}

static void answer_endlessly(void *context, const struct fake_http_request *request,
                             struct fake_http_answer *answer)
{
    (void)context;
    (void)request;
    answer->body = slice_str("{\"pullThroughCacheRules\":[],\"nextToken\":\"again\"}");
}

static void test_pages_without_an_end(void **state)
{
    struct bench *bench = *state;
    struct ecr_rules rules;

    fake_http_stop(bench->server);
    bench->server = fake_http_start(answer_endlessly, NULL, NULL, NULL);
    aws_client_free(bench->aws);
    bench->client.aws = bench->aws = aws_bench_client(&bench->fake, bench->server);
    assert_int_equal(ecr_client_rules(&bench->client, &rules), -1);
    assert_string_equal(bench->error.text, "DescribePullThroughCacheRules has over 100 pages");
    assert_int_equal(fake_http_requests(bench->server), ECR_CLIENT_PAGES_MAX);
}

static void test_writes(void **state)
{
    struct bench *bench = *state;
    const struct ecr_scanning scanning = {.enhanced = true};

    fake_script_add(&bench->script, 200, "", "{}");
    assert_int_equal(ecr_client_create_rule(&bench->client, "quaycache", "quay.io", ""), 0);
    check_request(bench, 0, ECR "CreatePullThroughCacheRule", RULE("quaycache"));
    assert_int_equal(ecr_client_update_rule(&bench->client, "dockercache", "arn:x"), 0);
    check_request(bench, 1, ECR "UpdatePullThroughCacheRule",
                  "{\"ecrRepositoryPrefix\":\"dockercache\",\"credentialArn\":\"arn:x\"}");
    assert_int_equal(ecr_client_delete_rule(&bench->client, "quaycache"), 0);
    check_request(bench, 2, ECR "DeletePullThroughCacheRule",
                  "{\"ecrRepositoryPrefix\":\"quaycache\"}");
    assert_int_equal(ecr_client_create_template(&bench->client, "", ""), 0);
    check_request(bench, 3, ECR "CreateRepositoryCreationTemplate",
                  "{\"prefix\":\"ROOT\",\"appliedFor\":[\"PULL_THROUGH_CACHE\"],\"description\":"
                  "\"Pull through cache\",\"encryptionConfiguration\":{\"encryptionType\":"
                  "\"AES256\"},\"imageTagMutability\":\"MUTABLE\"}");
    assert_int_equal(ecr_client_put_scanning(&bench->client, &scanning), 0);
    check_request(bench, 4, ECR "PutRegistryScanningConfiguration",
                  "{\"scanType\":\"ENHANCED\",\"rules\":[]}");
}

static void test_questions(void **state)
{
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(100);
    struct bench *bench = *state;
    struct ecr_validation validation;
    struct ecr_scanning scanning;
    struct ecr_repositories repositories;
    struct ecr_images images;
    const char *endpoint;

    fake_script_add(&bench->script, 200, "", "{\"isValid\":false,\"failure\":\"no\"}");
    fake_script_add(&bench->script, 200, "",
                    "{\"scanningConfiguration\":{\"scanType\":\"BASIC\",\"rules\":[]}}");
    fake_script_add(&bench->script, 200, "", "{\"repositories\":[{\"repositoryName\":\"q/a\"}]}");
    fake_script_add(&bench->script, 200, "", "{\"imageDetails\":[{\"imageDigest\":\"sha256:1\"}]}");
    fake_script_add(
        &bench->script, 200, "",
        "{\"authorizationData\":[{\"authorizationToken\":\"QVdTOng=\",\"proxyEndpoint\":"
        "\"https://registry\"}]}");
    assert_int_equal(ecr_client_validate_rule(&bench->client, "q", &validation), 0);
    assert_false(validation.valid);
    assert_string_equal(validation.failure, "no");
    assert_int_equal(ecr_client_scanning(&bench->client, &scanning), 0);
    assert_false(scanning.enhanced);
    assert_int_equal(ecr_client_repository(&bench->client, "q/a", &repositories), 0);
    assert_int_equal(repositories.n, 1);
    assert_int_equal(ecr_client_image(&bench->client, "q/a", "v1", "", &images), 0);
    assert_string_equal(images.items[0].digest, "sha256:1");
    assert_int_equal(ecr_client_login(&bench->client, &token, &endpoint), 0);
    assert_string_equal(strbuf_str(&token), "QVdTOng=");
    check_request(bench, 0, ECR "ValidatePullThroughCacheRule", "{\"ecrRepositoryPrefix\":\"q\"}");
    check_request(bench, 1, ECR "GetRegistryScanningConfiguration", "{}");
    check_request(bench, 4, ECR "GetAuthorizationToken", "{}");
}

static void test_secrets_and_identity(void **state)
{
    struct bench *bench = *state;
    struct secret_description description;
    struct sts_identity identity;

    fake_script_add(&bench->script, 200, "", "{\"ARN\":\"arn:s\"}");
    fake_script_add(
        &bench->script, 200, "",
        "{\"SecretString\":\"{\\\"username\\\":\\\"u\\\",\\\"accessToken\\\":\\\"hush\\\"}\"}");
    fake_script_add(&bench->script, 200, "", "{\"SecretString\":\"hush\"}");
    fake_script_add(&bench->script, 200, "",
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:me</Arn><Account>"
                    "111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
    assert_int_equal(ecr_client_secret(&bench->client, "n", &description), 0);
    assert_string_equal(description.arn, "arn:s");
    assert_int_equal(ecr_client_check_secret(&bench->client, "n"), 0);
    assert_int_equal(ecr_client_check_secret(&bench->client, "n"), ECR_CLIENT_SECRET_INVALID);
    assert_string_equal(bench->error.text, "the secret's value: malformed JSON at byte 0");
    assert_int_equal(ecr_client_identity(&bench->client, &identity), 0);
    assert_string_equal(identity.account, "111122223333");
    check_request(bench, 0, "secretsmanager.DescribeSecret", "{\"SecretId\":\"n\"}");
    check_request(bench, 1, "secretsmanager.GetSecretValue", "{\"SecretId\":\"n\"}");
    check_request(bench, 3, "", "Action=GetCallerIdentity&Version=2011-06-15");
}

static void test_failures(void **state)
{
    struct bench *bench = *state;
    struct ecr_rules rules;
    struct ecr_validation validation;

    fake_script_add(&bench->script, 400, "x-amzn-RequestId: id-1\r\n",
                    "{\"__type\":\"PullThroughCacheRuleAlreadyExistsException\"}");
    assert_int_equal(ecr_client_create_rule(&bench->client, "q", "quay.io", ""),
                     AWS_CLIENT_REFUSED);
    assert_int_equal(bench->failure.class, AWS_ERROR_ALREADY_EXISTS);
    fake_script_clear(&bench->script);
    fake_script_add(&bench->script, 200, "", "<html>");
    assert_int_equal(ecr_client_rules(&bench->client, &rules), -1);
    assert_string_equal(bench->error.text, "the answer to DescribePullThroughCacheRules: malformed "
                                           "JSON at byte 1");
    assert_int_equal(ecr_client_validate_rule(&bench->client, "q", &validation), -1);
    assert_true(slice_starts_with(slice_str(bench->error.text),
                                  slice_str("the answer to ValidatePullThroughCacheRule: ")));
    fake_script_clear(&bench->script);
    fake_script_add_way(&bench->script, FAKE_HTTP_TRUNCATE);
    bench->client.failure = NULL;
    assert_int_equal(ecr_client_delete_rule(&bench->client, "q"), AWS_CLIENT_NO_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rules_page_by_page, start, stop),
        cmocka_unit_test_setup_teardown(test_templates_page_by_page, start, stop),
        cmocka_unit_test_setup_teardown(test_pages_without_an_end, start, stop),
        cmocka_unit_test_setup_teardown(test_writes, start, stop),
        cmocka_unit_test_setup_teardown(test_questions, start, stop),
        cmocka_unit_test_setup_teardown(test_secrets_and_identity, start, stop),
        cmocka_unit_test_setup_teardown(test_failures, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
