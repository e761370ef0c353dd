#include "pullthrough/core/aws/aws_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct aws_error decode(int status, const char *header, const char *body,
                               const char *operation)
{
    const struct aws_error_answer answer = {
        .status = status,
        .error_type = slice_str(header),
        .request_id = slice_str("id-1"),
        .body = slice_str(body),
    };
    struct aws_error failure;

    aws_error_decode(&failure, operation, &answer, NULL, 0);
    return failure;
}

static void test_dressings(void **state)
{
    static const struct {
        const char *header, *body, *code, *message;
    } rows[] = {
        {NULL,
         "{\"__type\":\"UnrecognizedClientException\",\"message\":\"The security token included in "
         "the request is invalid.\"}",
         "UnrecognizedClientException", "The security token included in the request is invalid."},
        {NULL, "{\"__type\":\"com.amazonaws.ecr#SecretNotFoundException\",\"message\":\"m\"}",
         "SecretNotFoundException", "m"},
        {NULL, "{\"__type\":\"SecretNotFoundException:http://internal.amazon.com/coral/#x\"}",
         "SecretNotFoundException", ""},
        {NULL, "{\"__type\":\"com.amazonaws.ecr#SecretNotFoundException:http://x\"}",
         "SecretNotFoundException", ""},
        {"SecretNotFoundException:http://internal.amazon.com/coral/com.amazon.coral/", "{}",
         "SecretNotFoundException", ""},
        {"Header", "{\"code\":\"Code\",\"__type\":\"Type\"}", "Header", ""},
        {NULL, "{\"code\":\"Code\",\"__type\":\"Type\"}", "Code", ""},
        {NULL, "{\"Code\":\"Code\",\"__type\":\"Type\"}", "Code", ""},
        {NULL, "{\"code\":17,\"__type\":\"Type\"}", "Type", ""},
        {NULL, "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: arn is not authorized\"}",
         "AccessDeniedException", "User: arn is not authorized"},
        {NULL, "{\"__type\":\"X\",\"message\":null,\"Message\":\"capital\"}", "X", "capital"},
        {NULL, "\n {\"__type\":\"X\",\"extra\":[{}]}\n", "X", ""},
        {NULL, "{\"Error\":{\"Code\":\"Throttling\",\"Message\":\"Rate exceeded\"}}", "Throttling",
         "Rate exceeded"},
        {NULL,
         "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
         "</Type><Code>InvalidClientTokenId</Code><Message>a &amp; b</Message></Error><RequestId>"
         "id-2</RequestId></ErrorResponse>",
         "InvalidClientTokenId", "a & b"},
        {NULL, "<html><body><h1>503 Service Unavailable</h1></body></html>", "", ""},
        {NULL, "<!DOCTYPE html><html>", "", ""},
        {NULL, "upstream connect error\nmore", "", "upstream connect error"},
        {NULL, "{\"__type\":\"Cut", "", ""},
        {NULL, "[]", "", "[]"},
        {NULL, "", "", ""},
        {NULL, "{\"__type\":\"\"}", "", ""},
        {NULL, "{\"__type\":\"two words\"}", "", ""},
        {NULL, "{\"__type\":\"evil\\u0000\"}", "", ""},
        {"evil\x1b[31m", "{\"__type\":\"Fine\"}", "Fine", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aws_error failure = decode(400, rows[i].header, rows[i].body, "X");

        if (strcmp(failure.code, rows[i].code) != 0)
            fail_msg("row %zu: code %s", i, failure.code);
        assert_string_equal(failure.message, rows[i].message);
        assert_string_equal(failure.request_id, "id-1");
        assert_int_equal(failure.status, 400);
    }
}

static void test_classes(void **state)
{
    static const struct {
        int status;
        const char *operation, *code, *message, *want;
    } rows[] = {
        {400, "DescribePullThroughCacheRules", "AccessDeniedException", "", "access-denied"},
        {403, "AssumeRoleWithWebIdentity", "AccessDenied", "", "access-denied"},
        {400, "X", "BlockedByOrganizationPolicyException", "", "access-denied"},
        {400, "X", "UnrecognizedClientException", "", "expired-credentials"},
        {400, "X", "ExpiredTokenException", "", "expired-credentials"},
        {403, "X", "ExpiredToken", "", "expired-credentials"},
        {403, "X", "InvalidClientTokenId", "", "expired-credentials"},
        {400, "X", "InvalidSignatureException",
         "Signature expired: 20170416T194251Z is now earlier than 20170417T123951Z "
         "(20170417T125451Z - 15 min.)",
         "clock-skew"},
        {400, "X", "InvalidSignatureException",
         "Signature not yet current: 20170417T125451Z is still later than 20170416T194751Z "
         "(20170416T194251Z + 5 min.)",
         "clock-skew"},
        {403, "X", "SignatureDoesNotMatch", "Signature expired: now", "clock-skew"},
        {400, "X", "InvalidSignatureException",
         "The request signature we calculated does not match", "bad-signature"},
        {400, "X", "InvalidSignatureException",
         "Credential should be scoped to a valid region, not 'us-east-9'.", "bad-signature"},
        {403, "X", "SignatureDoesNotMatch", "", "bad-signature"},
        {400, "X", "RequestTimeTooSkewed", "", "clock-skew"},
        {400, "X", "RequestExpired", "", "clock-skew"},
        {400, "X", "RequestInTheFuture", "", "clock-skew"},
        {400, "X", "MissingAuthenticationTokenException", "", "invalid"},
        {400, "X", "IncompleteSignatureException", "", "invalid"},
        {400, "X", "SerializationException", "", "invalid"},
        {400, "X", "InvalidParameterException", "", "invalid"},
        {400, "X", "ValidationException", "", "invalid"},
        {404, "X", "UnknownOperationException", "", "terminal"},
        {400, "X", "ThrottlingException", "Rate exceeded", "throttled"},
        {400, "X", "ThrottleException", "", "throttled"},
        {429, "X", "TooManyRequestsException", "", "throttled"},
        {400, "X", "Throttling", "", "throttled"},
        {400, "X", "RequestLimitExceeded", "", "throttled"},
        {400, "X", "SlowDown", "", "throttled"},
        {429, "X", "", "", "throttled"},
        {429, "X", "NewException", "", "throttled"},
        /* the quota of 50 rules stands in every SDK's list of throttling codes */
        {400, "CreatePullThroughCacheRule", "LimitExceededException", "", "quota"},
        {400, "CreateRepositoryCreationTemplate", "LimitExceededException", "", "quota"},
        {400, "BatchGetImage", "LimitExceededException", "", "throttled"},
        {500, "X", "ServerException", "", "transient"},
        {400, "X", "ServerException", "", "transient"},
        {500, "X", "InternalFailure", "", "transient"},
        {503, "X", "ServiceUnavailable", "", "transient"},
        {400, "AssumeRoleWithWebIdentity", "IDPCommunicationError", "", "transient"},
        {400, "X", "RequestTimeout", "", "transient"},
        {500, "X", "", "", "transient"},
        {502, "X", "", "", "transient"},
        {503, "X", "", "", "transient"},
        {504, "X", "", "", "transient"},
        {408, "X", "", "", "transient"},
        {503, "X", "NewException", "", "transient"},
        {400, "X", "", "", "terminal"},
        {403, "X", "", "", "terminal"},
        {501, "X", "", "", "terminal"},
        {302, "X", "", "", "terminal"},
        {400, "X", "NewException", "", "terminal"},
        {400, "AssumeRoleWithWebIdentity", "InvalidIdentityToken", "", "terminal"},
        {400, "X", "PullThroughCacheRuleNotFoundException", "", "not-found"},
        {400, "X", "TemplateNotFoundException", "", "not-found"},
        {400, "X", "RepositoryNotFoundException", "", "not-found"},
        {400, "X", "ResourceNotFoundException", "", "not-found"},
        {400, "X", "PullThroughCacheRuleAlreadyExistsException", "", "already-exists"},
        {400, "X", "TemplateAlreadyExistsException", "", "already-exists"},
        {400, "X", "ResourceExistsException", "", "already-exists"},
        {400, "X", "UnsupportedUpstreamRegistryException",
         "The upstream registry URL mcr.microsoft.com is invalid.", "unsupported-upstream"},
        {400, "X", "UnsupportedUpstreamRegistryException",
         "The specified upstream registry requires authentication. Specify a valid Secrets Manager "
         "ARN",
         "secret-required"},
        {400, "X", "SecretNotFoundException", "", "secret-not-found"},
        {400, "X", "UnableToAccessSecretException", "", "secret-inaccessible"},
        {400, "X", "UnableToDecryptSecretValueException", "", "secret-undecryptable"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[500] = "";
        struct aws_error failure;

        if (rows[i].code[0])
            (void)snprintf(body, sizeof(body), "{\"__type\":\"%s\",\"message\":\"%s\"}",
                           rows[i].code, rows[i].message);
        failure = decode(rows[i].status, NULL, body, rows[i].operation);
        if (strcmp(aws_error_class_name(failure.class), rows[i].want) != 0)
            fail_msg("%d %s %s: %s", rows[i].status, rows[i].code, rows[i].message,
                     aws_error_class_name(failure.class));
    }
}

static void test_messages_hide_secrets(void **state)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"{\"__type\":\"X\",\"message\":\"before TOKEN after\"}", "before *** after"},
        {"{\"__type\":\"X\",\"message\":\"TOKENTOKEN-SECRET\"}", "******-***"},
        {"{\"__type\":\"X\",\"message\":\"TOKENLONGER TOKEN\"}", "*** ***"},
        {"{\"__type\":\"X\",\"message\":\"No match.\\n\\nThe Canonical String should have been\\n"
         "x-amz-security-token:OTHER\"}",
         "No match."},
        {"{\"__type\":\"X\",\"message\":\"one\\r\\ntwo\"}", "one"},
        {"<ErrorResponse><Error><Code>X</Code><Message>a TOKEN&#10;b</Message></Error>"
         "</ErrorResponse>",
         "a ***"},
    };
    const struct slice secrets[] = {slice_str(""), slice_str("TOKEN"), slice_str("SECRET"),
                                    slice_str("TOKENLONGER")};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct aws_error_answer answer = {.status = 400, .body = slice_str(rows[i].body)};
        struct aws_error failure;

        aws_error_decode(&failure, "X", &answer, secrets, 4);
        assert_string_equal(failure.message, rows[i].want);
    }
}

static void test_hostile_answers_are_cut(void **state)
{
    enum { HUGE_BODY = 300 * 1024 };
    char *body = malloc(HUGE_BODY + 1);
    struct aws_error failure;
    char type[300];

    (void)state;
    assert_non_null(body);
    memset(type, 'T', sizeof(type) - 1);
    type[sizeof(type) - 1] = '\0';
    failure = decode(400, type, "{\"__type\":\"Short\"}", "X");
    assert_string_equal(failure.code, "Short");

    memset(body, '[', HUGE_BODY);
    body[0] = '{';
    body[HUGE_BODY] = '\0';
    failure = decode(503, NULL, body, "X");
    assert_string_equal(failure.code, "");
    body[200 * 1024] = '\0';
    failure = decode(503, NULL, body, "X");
    assert_int_equal(failure.class, AWS_ERROR_TRANSIENT);

    (void)snprintf(body, HUGE_BODY, "{\"message\":\"%0*d\"}", 200 * 1024, 0);
    failure = decode(400, NULL, body, "X");
    assert_int_equal(strlen(failure.message), sizeof(failure.message) - 1);
    failure = decode(400, NULL, "{\"message\":\"a\\u001b[31m\\u0000b\"}", "X");
    assert_string_equal(failure.message, "a?[31m?b");
    free(body);
}

static void test_description(void **state)
{
    struct aws_error failure =
        decode(400, NULL, "{\"__type\":\"LimitExceededException\",\"message\":\"50 rules\"}", "X");
    struct error error;

    (void)state;
    assert_int_equal(aws_error_describe(&failure, "CreatePullThroughCacheRule", &error), -1);
    assert_string_equal(error.text, "CreatePullThroughCacheRule: LimitExceededException: 50 rules "
                                    "(HTTP 400, request id id-1)");
    failure = (struct aws_error){.status = 502};
    assert_int_equal(aws_error_describe(&failure, "X", &error), -1);
    assert_string_equal(error.text, "X: no error code (HTTP 502)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dressings),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_messages_hide_secrets),
        cmocka_unit_test(test_hostile_answers_are_cut),
        cmocka_unit_test(test_description),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
