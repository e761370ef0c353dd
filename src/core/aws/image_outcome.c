/*
 * Two tables from what was said to what it means for whoever imports. ECR's API says it by the
 * class of its error; the registry by its status, and by its words only where one status has
 * several causes.
 */
#include "pullthrough/core/aws/image_outcome.h"

#include <string.h>

const char *image_outcome_name(enum image_outcome outcome)
{
    static const char *const names[IMAGE_OUTCOME_COUNT] = {"there",     "absent", "refused",
                                                           "throttled", "denied", "no-answer"};

    return names[outcome];
}

const char *image_outcome_import_name(enum image_outcome outcome)
{
    return outcome == IMAGE_THERE ? "imported" : image_outcome_name(outcome);
}

enum image_outcome image_outcome_of_call(const struct aws_error *failure)
{
    switch (failure->class) {
    case AWS_ERROR_NOT_FOUND: return IMAGE_ABSENT;
    case AWS_ERROR_THROTTLED: return IMAGE_THROTTLED;
    case AWS_ERROR_TRANSIENT: return IMAGE_NO_ANSWER;
    case AWS_ERROR_EXPIRED_CREDENTIALS:
    case AWS_ERROR_CLOCK_SKEW:
    case AWS_ERROR_BAD_SIGNATURE:
    case AWS_ERROR_ACCESS_DENIED: return IMAGE_DENIED;
    default: return IMAGE_REFUSED;
    }
}

/* Of the 403 those that say nothing about the image: IAM's, and the login's. */
static bool denies_us(const struct registry_refusal *refusal)
{
    return strstr(refusal->message, "not authorized to perform") ||
           strstr(refusal->message, "token has expired");
}

/* NAME_INVALID, MANIFEST_INVALID, ...: the codes of the distribution specification. */
static bool blames_image(const struct registry_refusal *refusal)
{
    return strstr(refusal->code, "_INVALID") != NULL;
}

enum image_outcome image_outcome_of_pull(const struct registry_refusal *refusal)
{
    switch (refusal->status) {
    case 400: /* else ECR's answer to a login that isn't its own */
        return blames_image(refusal) ? IMAGE_REFUSED : IMAGE_DENIED;
    case 401: return IMAGE_DENIED;
    case 403: return denies_us(refusal) ? IMAGE_DENIED : IMAGE_REFUSED;
    case 404: return IMAGE_ABSENT;
    case 408: return IMAGE_NO_ANSWER;
    case 429: return IMAGE_THROTTLED;
    default: return refusal->status >= 500 ? IMAGE_NO_ANSWER : IMAGE_REFUSED;
    }
}
