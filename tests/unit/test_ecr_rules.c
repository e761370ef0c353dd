#include "pullthrough/core/aws/ecr_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RULE                                                                                       \
    "\"ecrRepositoryPrefix\":\"dockercache\",\"upstreamRegistryUrl\":\"registry-1.docker.io\""

static void test_requests(void **state)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1000);

    (void)state;
    ecr_rules_encode_describe(&out, "");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000}");
    strbuf_clear(&out);
    ecr_rules_encode_describe(&out, "t\"1");
    assert_string_equal(strbuf_str(&out), "{\"maxResults\":1000,\"nextToken\":\"t\\\"1\"}");
    strbuf_clear(&out);
    ecr_rules_encode_create(&out, "quaycache", "quay.io", "");
    assert_string_equal(strbuf_str(&out), "{\"ecrRepositoryPrefix\":\"quaycache\","
                                          "\"upstreamRegistryUrl\":\"quay.io\"}");
    strbuf_clear(&out);
    ecr_rules_encode_create(&out, "dockercache", "registry-1.docker.io", "arn:x");
    assert_string_equal(strbuf_str(&out), "{" RULE ",\"credentialArn\":\"arn:x\"}");
    strbuf_clear(&out);
    ecr_rules_encode_update(&out, "dockercache", "arn:x");
    assert_string_equal(strbuf_str(&out),
                        "{\"ecrRepositoryPrefix\":\"dockercache\",\"credentialArn\":\"arn:x\"}");
    strbuf_clear(&out);
    ecr_rules_encode_prefix(&out, "dockercache");
    assert_string_equal(strbuf_str(&out), "{\"ecrRepositoryPrefix\":\"dockercache\"}");
}

static void test_a_page(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_rules rules = {0};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_rules_decode_page(
            &rules,
            slice_str("{\"pullThroughCacheRules\":[{" RULE ",\"upstreamRegistry\":\"docker-hub\","
                      "\"credentialArn\":\"arn:c\",\"customRoleArn\":\"arn:r\",\"registryId\":"
                      "\"111122223333\",\"createdAt\":1.696348668411E9,\"updatedAt\":\"2026\","
                      "\"brandNew\":{\"x\":[1]},\"upstreamRepositoryPrefix\":\"lib\"},"
                      "{" RULE "}],\"nextToken\":\"page 2\"}"),
            &arena, &error),
        0);
    assert_int_equal(rules.n, 2);
    assert_string_equal(rules.items[0].prefix, "dockercache");
    assert_string_equal(rules.items[0].upstream_url, "registry-1.docker.io");
    assert_string_equal(rules.items[0].upstream_prefix, "lib");
    assert_string_equal(rules.items[0].credential_arn, "arn:c");
    assert_string_equal(rules.items[0].custom_role_arn, "arn:r");
    assert_string_equal(rules.items[0].registry_id, "111122223333");
    assert_string_equal(rules.items[1].upstream_prefix, "ROOT");
    assert_string_equal(rules.items[1].credential_arn, "");
    assert_string_equal(rules.next_token, "page 2");

    assert_int_equal(ecr_rules_decode_page(
                         &rules,
                         slice_str("{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"b\","
                                   "\"upstreamRegistryUrl\":\"quay.io\"}],\"nextToken\":null}"),
                         &arena, &error),
                     0);
    assert_int_equal(rules.n, 3);
    assert_string_equal(rules.items[0].prefix, "dockercache");
    assert_string_equal(rules.items[2].prefix, "b");
    assert_string_equal(rules.next_token, "");
}

static void test_no_rules(void **state)
{
    static const char *rows[] = {"{}", "{\"pullThroughCacheRules\":[]}",
                                 "{\"pullThroughCacheRules\":null}"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_rules rules = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(ecr_rules_decode_page(&rules, slice_str(rows[i]), &arena, &error), 0);
        assert_int_equal(rules.n, 0);
        assert_string_equal(rules.next_token, "");
    }
}

static void test_what_is_no_answer(void **state)
{
    static const char *rows[][2] = {
        {"", "malformed JSON at byte 0"},
        {"{", "malformed JSON at byte"},
        {"<html>", "malformed JSON at byte"},
        {"[]", "the JSON is not an object"},
        {"{\"pullThroughCacheRules\":{}}", "pullThroughCacheRules is not an array"},
        {"{\"pullThroughCacheRules\":[1]}", "pullThroughCacheRules[0]: an item is not an object"},
        {"{\"pullThroughCacheRules\":[{}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix is missing"},
        {"{\"pullThroughCacheRules\":[{" RULE "},{\"ecrRepositoryPrefix\":\"\"}]}",
         "pullThroughCacheRules[1]: ecrRepositoryPrefix is missing"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":7}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix is not a string"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"a\\u0000b\"}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix has control characters"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"\\u001b[31m\"}]}",
         "pullThroughCacheRules[0]: ecrRepositoryPrefix has control characters"},
        {"{\"pullThroughCacheRules\":[{" RULE ",\"credentialArn\":[]}]}",
         "pullThroughCacheRules[0]: credentialArn is not a string"},
        {"{\"pullThroughCacheRules\":[],\"pullThroughCacheRules\":[]}", "malformed JSON at byte"},
        {"{\"nextToken\":1}", "nextToken is not a string"},
        {"{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"\xff\"}]}",
         "malformed JSON at byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_rules rules = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        if (ecr_rules_decode_page(&rules, slice_str(rows[i][0]), &arena, &error) != -1)
            fail_msg("%s was taken", rows[i][0]);
        if (!strstr(error.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], error.text);
    }
}

static void test_bounds(void **state)
{
    ARENA_CLEANUP struct arena arena;
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000000);
    struct ecr_rules rules = {0};
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    strbuf_add_str(&body, "{\"pullThroughCacheRules\":[");
    for (int i = 0; i < 600; i++)
        strbuf_add_format(&body, "%s{" RULE "}", i > 0 ? "," : "");
    strbuf_add_str(&body, "]}");
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), 0);
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), -1);
    assert_string_equal(error.text, "pullThroughCacheRules has over 400 items");

    strbuf_clear(&body);
    strbuf_add_format(&body, "{\"pullThroughCacheRules\":[{\"ecrRepositoryPrefix\":\"%0600d\"}]}",
                      0);
    rules = (struct ecr_rules){0};
    assert_int_equal(ecr_rules_decode_page(&rules, strbuf_slice(&body), &arena, &error), -1);
    assert_string_equal(error.text,
                        "pullThroughCacheRules[0]: ecrRepositoryPrefix has over 512 bytes");
}

static void test_validation(void **state)
{
    static const struct {
        const char *body;
        int want;
        bool valid;
        const char *text; /* the failure, or the reason */
    } rows[] = {
        {"{\"isValid\":true,\"ecrRepositoryPrefix\":\"x\"}", 0, true, ""},
        {"{\"isValid\":false,\"failure\":\"The secret is malformed\"}", 0, false,
         "The secret is malformed"},
        {"{\"isValid\":false,\"failure\":null}", 0, false, ""},
        {"{\"failure\":\"x\"}", -1, false, "isValid is missing"},
        {"{\"isValid\":\"true\"}", -1, false, "isValid is not a boolean"},
        {"{\"isValid\":false,\"failure\":3}", -1, false, "failure is not a string"},
        {"", -1, false, "malformed JSON at byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_CLEANUP struct arena arena;
        struct ecr_validation validation = {0};
        struct error error = {""};

        arena_init(&arena, 1000);
        assert_int_equal(
            ecr_rules_decode_validation(&validation, slice_str(rows[i].body), &arena, &error),
            rows[i].want);
        if (rows[i].want == 0) {
            assert_int_equal(validation.valid, rows[i].valid);
            assert_string_equal(validation.failure, rows[i].text);
        } else {
            assert_string_equal(error.text, rows[i].text);
        }
    }
}

/* What an upstream says may repeat what it was sent; its words are judged before they are cut. */
static void test_what_is_shown_of_a_failure(void **state)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_validation validation;
    struct error error = {""};

    (void)state;
    arena_init(&arena, 1000);
    assert_int_equal(
        ecr_rules_decode_validation(
            &validation,
            slice_str("{\"isValid\":false,\"failure\":\"GET https://me:hush@ghcr.io/v2/ "
                      "with Basic bWU6aHVzaC1odXNoLWh1c2gtaHVzaA== was denied: unauthorized\"}"),
            &arena, &error),
        0);
    assert_false(validation.valid);
    assert_int_equal(validation.about, ECR_FAILURE_CREDENTIAL);
    assert_null(strstr(validation.failure, "hush"));
    assert_null(strstr(validation.failure, "bWU6aHVz"));
    assert_non_null(strstr(validation.failure, "***"));
}

static void test_prefixes(void **state)
{
    static const struct {
        const char *prefix, *below;
        bool is, covers;
    } rows[] = {
        {"quaycache", "quaycache", true, true},
        {"quaycache/", "quaycache", true, true},
        {"quaycache", "quaycache/", true, true},
        {"quaycache", "quaycache/org", false, true},
        {"quaycache/", "quaycache/org/app", false, true},
        {"quaycache/org/", "quaycache/org", true, true},
        {"quaycache", "quaycache2", false, false},
        {"quaycache/org", "quaycache", false, false},
        {"quaycache/org", "quaycache/organ", false, false},
        {"ROOT", "ROOT", true, true},
        {"ROOT", "quaycache", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(ecr_prefix_is(rows[i].prefix, rows[i].below), rows[i].is);
        assert_int_equal(ecr_prefix_covers(rows[i].prefix, slice_str(rows[i].below)),
                         rows[i].covers);
    }
}

static void test_which_rule_serves(void **state)
{
    struct ecr_rule items[] = {{.prefix = "cache/library/"},
                               {.prefix = "ROOT"},
                               {.prefix = "cache"},
                               {.prefix = "cache/library/nginx"},
                               {.prefix = "cache/lib"}};
    const struct ecr_rules rules = {.items = items, .n = 5};
    const struct ecr_rules one = {.items = items, .n = 1};
    static const struct {
        const char *repository, *want;
    } rows[] = {
        {"cache/library/alpine", "cache/library/"},
        {"cache/library/nginx", "cache/library/"}, /* a "/" is assumed behind the longer one */
        {"cache/library/nginx/unit", "cache/library/nginx"},
        {"cache/librarian/x", "cache"},
        {"cache/lib/x", "cache/lib"},
        {"cached/x", "ROOT"},
        {"cache", "ROOT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(ecr_rules_serving(&rules, slice_str(rows[i].repository))->prefix,
                            rows[i].want);
    assert_null(ecr_rules_serving(&one, slice_str("cache/x")));
    assert_null(ecr_rules_serving(NULL, slice_str("cache/x")));
    assert_string_equal(ecr_rules_find(&rules, "cache/library")->prefix, "cache/library/");
    assert_null(ecr_rules_find(&rules, "cache/library/alpine"));
    assert_null(ecr_rules_find(NULL, "cache"));
}

static const struct {
    enum ecr_failure want;
    const char *text;
} failures[] = {
    /* Of the credential: the upstream's word on it. */
    {ECR_FAILURE_CREDENTIAL, "The authentication to the upstream registry failed. Verify that the "
                             "credentials stored in the "
                             "Secrets Manager secret are correct and try again."},
    {ECR_FAILURE_CREDENTIAL, "Authentication failed"},
    {ECR_FAILURE_CREDENTIAL, "Upstream registry authentication failed with status 401"},
    {ECR_FAILURE_CREDENTIAL, "Failed to authenticate with registry-1.docker.io"},
    {ECR_FAILURE_CREDENTIAL, "The upstream cannot authenticate the account"},
    {ECR_FAILURE_CREDENTIAL, "Unable to authenticate to the upstream registry."},
    {ECR_FAILURE_CREDENTIAL, "401 Unauthorized"},
    {ECR_FAILURE_CREDENTIAL, "The upstream registry answered with status 401."},
    {ECR_FAILURE_CREDENTIAL, "unauthorized: incorrect username or password"},
    {ECR_FAILURE_CREDENTIAL, "unauthorized: authentication required"},
    {ECR_FAILURE_CREDENTIAL, "UNAUTHORIZED"},
    {ECR_FAILURE_CREDENTIAL, "Invalid credentials"},
    {ECR_FAILURE_CREDENTIAL, "The credentials are invalid."},
    {ECR_FAILURE_CREDENTIAL, "Invalid username or password."},
    {ECR_FAILURE_CREDENTIAL, "Bad credentials"},
    {ECR_FAILURE_CREDENTIAL, "The username or the access token is not valid"},
    {ECR_FAILURE_CREDENTIAL, "The access token has expired"},
    {ECR_FAILURE_CREDENTIAL, "personal access token was revoked"},
    {ECR_FAILURE_CREDENTIAL, "The upstream did not accept the credentials of the secret."},
    {ECR_FAILURE_CREDENTIAL, "The credentials aren't valid any more"},
    {ECR_FAILURE_CREDENTIAL, "Your account has been suspended"},
    {ECR_FAILURE_CREDENTIAL, "HTTP Basic: Access denied. The provided password is no longer valid"},
    {ECR_FAILURE_CREDENTIAL, "The specified upstream registry requires authentication. Specify a "
                             "valid Secrets Manager ARN"},
    /* Of the credential: Secrets Manager's and KMS's. */
    {ECR_FAILURE_CREDENTIAL, "The secret value is not in the expected form: a JSON object with "
                             "username and accessToken."},
    {ECR_FAILURE_CREDENTIAL, "The secret value is not in the expected format"},
    {ECR_FAILURE_CREDENTIAL, "The secret is malformed"},
    {ECR_FAILURE_CREDENTIAL, "Secret string is not valid JSON"},
    {ECR_FAILURE_CREDENTIAL, "Unable to parse the secret as JSON"},
    {ECR_FAILURE_CREDENTIAL, "The secret does not contain the key accessToken"},
    {ECR_FAILURE_CREDENTIAL,
     "The ARN of the secret specified in the pull through cache rule was not found. Update the "
     "pull through cache rule with a valid secret ARN and try again."},
    {ECR_FAILURE_CREDENTIAL, "Secrets Manager can't find the specified secret."},
    {ECR_FAILURE_CREDENTIAL, "The secret does not exist."},
    {ECR_FAILURE_CREDENTIAL, "The secret is marked for deletion"},
    {ECR_FAILURE_CREDENTIAL, "The secret is unable to be accessed. Verify the resource permissions "
                             "for the secret and try again."},
    {ECR_FAILURE_CREDENTIAL, "The secret is accessible but is unable to be decrypted. Verify the "
                             "resource permissions and try again."},
    {ECR_FAILURE_CREDENTIAL, "Access denied to the secret"},
    {ECR_FAILURE_CREDENTIAL, "access denied by Secrets Manager"},
    {ECR_FAILURE_CREDENTIAL,
     "User: arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForECRPullThroughCache/x is not "
     "authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:"
     "us-west-2:111122223333:secret:ecr-pullthroughcache/dockerio-AbCdEf"},
    {ECR_FAILURE_CREDENTIAL, "AccessDeniedException calling GetSecretValue of Secrets Manager"},
    {ECR_FAILURE_CREDENTIAL, "Secrets Manager can't decrypt the protected secret text using the "
                             "provided KMS key."},
    {ECR_FAILURE_CREDENTIAL, "DecryptionFailure"},
    {ECR_FAILURE_CREDENTIAL, "The KMS key is disabled"},

    /* The upstream, the way to it, AWS. */
    {ECR_FAILURE_UPSTREAM, "The upstream registry registry-1.docker.io could not be reached."},
    {ECR_FAILURE_UPSTREAM, "The upstream registry is unreachable"},
    {ECR_FAILURE_UPSTREAM, "Unable to reach the upstream registry"},
    {ECR_FAILURE_UPSTREAM, "The upstream registry limits the rate of requests."},
    {ECR_FAILURE_UPSTREAM,
     "toomanyrequests: You have reached your unauthenticated pull rate limit. You may increase the "
     "limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"},
    {ECR_FAILURE_UPSTREAM,
     "unauthorized: too many failed login attempts for username or IP address"},
    {ECR_FAILURE_UPSTREAM, "429 Too Many Requests"},
    {ECR_FAILURE_UPSTREAM, "TooManyRequestsException"},
    {ECR_FAILURE_UPSTREAM, "Rate exceeded"},
    {ECR_FAILURE_UPSTREAM, "ThrottlingException"},
    {ECR_FAILURE_UPSTREAM, "The request to the upstream registry timed out"},
    {ECR_FAILURE_UPSTREAM, "The authentication to the upstream registry timed out."},
    {ECR_FAILURE_UPSTREAM, "net/http: TLS handshake timeout"},
    {ECR_FAILURE_UPSTREAM, "context deadline exceeded"},
    {ECR_FAILURE_UPSTREAM, "connection refused"},
    {ECR_FAILURE_UPSTREAM, "Failed to authenticate: connection reset by peer"},
    {ECR_FAILURE_UPSTREAM, "dial tcp: lookup auth.docker.io: no such host"},
    {ECR_FAILURE_UPSTREAM, "Could not resolve registry-1.docker.io"},
    {ECR_FAILURE_UPSTREAM, "The upstream registry answered with status 503."},
    {ECR_FAILURE_UPSTREAM, "Authentication failed: the token server answered 500"},
    {ECR_FAILURE_UPSTREAM, "failed to fetch oauth token: unexpected status: 502 Bad Gateway"},
    {ECR_FAILURE_UPSTREAM, "The upstream's token answer is malformed."},
    {ECR_FAILURE_UPSTREAM, "The upstream sent an invalid token response"},
    {ECR_FAILURE_UPSTREAM, "Service Unavailable"},
    {ECR_FAILURE_UPSTREAM, "Secrets Manager is temporarily unavailable"},
    {ECR_FAILURE_UPSTREAM, "The secret could not be read: InternalServiceError"},
    {ECR_FAILURE_UPSTREAM, "Internal server error"},
    {ECR_FAILURE_UPSTREAM, "The registry is down for maintenance"},
    {ECR_FAILURE_UPSTREAM, "The upstream did not respond"},
    {ECR_FAILURE_UPSTREAM, "No response from upstream"},
    {ECR_FAILURE_UPSTREAM, "407 Proxy Authentication Required"},
    {ECR_FAILURE_UPSTREAM, "x509: certificate has expired or is not yet valid"},
    {ECR_FAILURE_UPSTREAM, "The security token included in the request is expired"},
    {ECR_FAILURE_UPSTREAM, "Try again later."},
    {ECR_FAILURE_UPSTREAM, "unexpected EOF"},

    /* Neither, or nobody can tell. */
    {ECR_FAILURE_UNCLEAR, ""},
    {ECR_FAILURE_UNCLEAR, "no"},
    {ECR_FAILURE_UNCLEAR, "Validation failed"},
    {ECR_FAILURE_UNCLEAR, "Requested image not found"},
    {ECR_FAILURE_UNCLEAR, "403 Forbidden"},
    {ECR_FAILURE_UNCLEAR, "Access denied"},
    {ECR_FAILURE_UNCLEAR, "denied: requested access to the resource is denied"},
    {ECR_FAILURE_UNCLEAR, "The upstream registry URL is invalid"},
    {ECR_FAILURE_UNCLEAR, "Invalid answer of the upstream"},
    {ECR_FAILURE_UNCLEAR, "The secret was read; the upstream refused the request"},
    {ECR_FAILURE_UNCLEAR, "The secret is valid, but the upstream's answer was wrong"},
    {ECR_FAILURE_UNCLEAR, "The secret was retrieved: the answer of the upstream is malformed"},
    {ECR_FAILURE_UNCLEAR, "The authorities say nothing of token rings"},
    {ECR_FAILURE_UNCLEAR, "Failed to retrieve the secret"},
    {ECR_FAILURE_UNCLEAR, "Failed to fetch the token"},
    {ECR_FAILURE_UNCLEAR,
     "The image or images were unable to be pulled using the pull through cache rule. This is "
     "usually caused because of an issue with the Secrets Manager secret containing the "
     "credentials for the upstream registry."},
    {ECR_FAILURE_UNCLEAR, "Error 4010 of the year 40112"},
    {ECR_FAILURE_UNCLEAR, "\xc3\xa9"
                          "chec d'authentification"},
    {ECR_FAILURE_UNCLEAR, "'' .;:,()"},
};

static void test_what_a_failure_speaks_of(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (ecr_rules_judge_failure(failures[i].text) != failures[i].want) {
            (void)fprintf(stderr, "%d instead of %d: %s\n",
                          (int)ecr_rules_judge_failure(failures[i].text), (int)failures[i].want,
                          failures[i].text);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

/* An outage that is told together with the credential is an outage, in either order. */
static void test_an_outage_outweighs_the_credential(void **state)
{
    char text[2000];

    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        (void)snprintf(text, sizeof(text), "The upstream could not be reached. %s",
                       failures[i].text);
        assert_int_equal(ecr_rules_judge_failure(text), ECR_FAILURE_UPSTREAM);
        (void)snprintf(text, sizeof(text), "%s. HTTP 503", failures[i].text);
        assert_int_equal(ecr_rules_judge_failure(text), ECR_FAILURE_UPSTREAM);
    }
}

static void test_a_failure_of_any_length(void **state)
{
    char text[8193];

    (void)state;
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = i % 2 ? ' ' : 'a';
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(ecr_rules_judge_failure(text), ECR_FAILURE_UNCLEAR);
    memset(text, 'a', sizeof(text) - 1);
    assert_int_equal(ecr_rules_judge_failure(text), ECR_FAILURE_UNCLEAR);
    memset(text, '\'', sizeof(text) - 1);
    assert_int_equal(ecr_rules_judge_failure(text), ECR_FAILURE_UNCLEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_a_page),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_validation),
        cmocka_unit_test(test_what_is_shown_of_a_failure),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_which_rule_serves),
        cmocka_unit_test(test_what_a_failure_speaks_of),
        cmocka_unit_test(test_an_outage_outweighs_the_credential),
        cmocka_unit_test(test_a_failure_of_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
