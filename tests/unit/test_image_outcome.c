#include "pullthrough/core/aws/image_outcome.h"

#include "pullthrough/core/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_names(void **state)
{
    static const char *const names[] = {"there",     "absent", "refused",
                                        "throttled", "denied", "no-answer"};

    (void)state;
    for (int i = 0; i < IMAGE_OUTCOME_COUNT; i++)
        assert_string_equal(image_outcome_name((enum image_outcome)i), names[i]);
}

/* As ECR's API says it: code, status. */
static void test_calls(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum image_outcome outcome;
    } rows[] = {
        {400, "RepositoryNotFoundException", IMAGE_ABSENT},
        {400, "ImageNotFoundException", IMAGE_ABSENT},
        {400, "ThrottlingException", IMAGE_THROTTLED},
        {429, "TooManyRequestsException", IMAGE_THROTTLED},
        {400, "LimitExceededException", IMAGE_THROTTLED},
        {400, "AccessDeniedException", IMAGE_DENIED},
        {400, "BlockedByOrganizationPolicyException", IMAGE_DENIED},
        {400, "ExpiredTokenException", IMAGE_DENIED},
        {400, "UnrecognizedClientException", IMAGE_DENIED},
        {403, "InvalidSignatureException", IMAGE_DENIED},
        {403, "RequestTimeTooSkewed", IMAGE_DENIED},
        {500, "ServerException", IMAGE_NO_ANSWER},
        {503, "", IMAGE_NO_ANSWER},
        {400, "InvalidParameterException", IMAGE_REFUSED},
        {400, "ValidationException", IMAGE_REFUSED},
        {400, "SomethingNewException", IMAGE_REFUSED},
        {404, "", IMAGE_REFUSED}, /* not ECR's way of saying that something is missing */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000);
        struct aws_error failure;

        strbuf_add_format(&body, "{\"__type\":\"%s\"}", rows[i].body);
        aws_error_decode(
            &failure, "DescribeImages",
            &(struct aws_error_answer){.status = rows[i].status, .body = strbuf_slice(&body)}, NULL,
            0);
        if (image_outcome_of_call(&failure) != rows[i].outcome)
            fail_msg("%s", rows[i].body);
    }
}

/* As ECR's registry says it. */
static void test_pulls(void **state)
{
    static const struct {
        int status;
        const char *code, *message;
        enum image_outcome outcome;
    } rows[] = {
        {404, "MANIFEST_UNKNOWN", "Requested image not found", IMAGE_ABSENT},
        {404, "NAME_UNKNOWN", "The repository with name 'x' does not exist", IMAGE_ABSENT},
        {429, "TOOMANYREQUESTS", "Rate exceeded", IMAGE_THROTTLED},
        {401, "", "", IMAGE_DENIED},
        {400, "UNKNOWN", "Your Authorization Token is invalid.", IMAGE_DENIED},
        {400, "NAME_INVALID", "Invalid repository name", IMAGE_REFUSED},
        {400, "MANIFEST_INVALID", "", IMAGE_REFUSED},
        {403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.",
         IMAGE_DENIED},
        {403, "DENIED",
         "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: ecr:BatchGetImage on "
         "resource: z because no identity-based policy allows the ecr:BatchGetImage action",
         IMAGE_DENIED},
        {403, "DENIED", "The authentication to the upstream registry failed.", IMAGE_REFUSED},
        {403, "DENIED", "Forbidden", IMAGE_REFUSED},
        {405, "UNSUPPORTED", "", IMAGE_REFUSED},
        {307, "", "", IMAGE_REFUSED},
        {408, "", "", IMAGE_NO_ANSWER},
        {500, "", "", IMAGE_NO_ANSWER},
        {503, "UNAVAILABLE", "The upstream registry could not be reached.", IMAGE_NO_ANSWER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(1000);
        struct registry_refusal refusal;

        strbuf_add_format(&body, "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}",
                          rows[i].code, rows[i].message);
        registry_messages_decode(&refusal, rows[i].status, strbuf_slice(&body));
        if (image_outcome_of_pull(&refusal) != rows[i].outcome)
            fail_msg("%d %s", rows[i].status, rows[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_pulls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
