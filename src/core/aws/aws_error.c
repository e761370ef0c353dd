/*
 * The dressings of an error (JSON body, XML body, header, plain text) to one struct, then a
 * table from codes to classes. Unknown codes keep their text and are judged by the status.
 */
#include "pullthrough/core/aws/aws_error.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/strbuf.h"
#include "xml_scan.h"

#include <jansson.h>

enum {
    BODY_MAX = 256 * 1024, /* above: not an error of AWS, and not worth parsing */
    TEXT_MAX = 64 * 1024,  /* some times the longest secret */
};

const char *aws_error_class_name(enum aws_error_class class)
{
    static const char *const names[AWS_ERROR_CLASS_COUNT] = {
        [AWS_ERROR_TERMINAL] = "terminal",
        [AWS_ERROR_TRANSIENT] = "transient",
        [AWS_ERROR_THROTTLED] = "throttled",
        [AWS_ERROR_EXPIRED_CREDENTIALS] = "expired-credentials",
        [AWS_ERROR_CLOCK_SKEW] = "clock-skew",
        [AWS_ERROR_BAD_SIGNATURE] = "bad-signature",
        [AWS_ERROR_ACCESS_DENIED] = "access-denied",
        [AWS_ERROR_INVALID] = "invalid",
        [AWS_ERROR_NOT_FOUND] = "not-found",
        [AWS_ERROR_ALREADY_EXISTS] = "already-exists",
        [AWS_ERROR_QUOTA] = "quota",
        [AWS_ERROR_UNSUPPORTED_UPSTREAM] = "unsupported-upstream",
        [AWS_ERROR_SECRET_REQUIRED] = "secret-required",
        [AWS_ERROR_SECRET_NOT_FOUND] = "secret-not-found",
        [AWS_ERROR_SECRET_INACCESSIBLE] = "secret-inaccessible",
        [AWS_ERROR_SECRET_UNDECRYPTABLE] = "secret-undecryptable",
    };

    return names[class];
}

struct code_class {
    const char *code;
    enum aws_error_class class;
};

static const struct code_class code_classes[] = {
    {"AccessDenied", AWS_ERROR_ACCESS_DENIED},
    {"AccessDeniedException", AWS_ERROR_ACCESS_DENIED},
    {"AuthFailure", AWS_ERROR_BAD_SIGNATURE},
    {"BandwidthLimitExceeded", AWS_ERROR_THROTTLED},
    {"BlockedByOrganizationPolicyException", AWS_ERROR_ACCESS_DENIED},
    {"EC2ThrottledException", AWS_ERROR_THROTTLED},
    {"ExpiredToken", AWS_ERROR_EXPIRED_CREDENTIALS},
    {"ExpiredTokenException", AWS_ERROR_EXPIRED_CREDENTIALS},
    {"IDPCommunicationError", AWS_ERROR_TRANSIENT},
    {"IncompleteSignature", AWS_ERROR_INVALID},
    {"IncompleteSignatureException", AWS_ERROR_INVALID},
    {"InternalFailure", AWS_ERROR_TRANSIENT},
    {"InternalServerError", AWS_ERROR_TRANSIENT},
    {"InternalServiceError", AWS_ERROR_TRANSIENT},
    {"InvalidClientTokenId", AWS_ERROR_EXPIRED_CREDENTIALS},
    {"InvalidParameterException", AWS_ERROR_INVALID},
    {"InvalidSignatureException", AWS_ERROR_BAD_SIGNATURE},
    {"LimitExceededException", AWS_ERROR_THROTTLED}, /* see judge_code() */
    {"MissingAuthenticationToken", AWS_ERROR_INVALID},
    {"MissingAuthenticationTokenException", AWS_ERROR_INVALID},
    {"PriorRequestNotComplete", AWS_ERROR_THROTTLED},
    {"ProvisionedThroughputExceededException", AWS_ERROR_THROTTLED},
    {"RequestExpired", AWS_ERROR_CLOCK_SKEW},
    {"RequestInTheFuture", AWS_ERROR_CLOCK_SKEW},
    {"RequestLimitExceeded", AWS_ERROR_THROTTLED},
    {"RequestThrottled", AWS_ERROR_THROTTLED},
    {"RequestThrottledException", AWS_ERROR_THROTTLED},
    {"RequestTimeTooSkewed", AWS_ERROR_CLOCK_SKEW},
    {"RequestTimeout", AWS_ERROR_TRANSIENT},
    {"RequestTimeoutException", AWS_ERROR_TRANSIENT},
    {"ResourceExistsException", AWS_ERROR_ALREADY_EXISTS},
    {"SecretNotFoundException", AWS_ERROR_SECRET_NOT_FOUND},
    {"SerializationException", AWS_ERROR_INVALID},
    {"ServerException", AWS_ERROR_TRANSIENT},
    {"ServiceUnavailable", AWS_ERROR_TRANSIENT},
    {"ServiceUnavailableException", AWS_ERROR_TRANSIENT},
    {"SignatureDoesNotMatch", AWS_ERROR_BAD_SIGNATURE},
    {"SlowDown", AWS_ERROR_THROTTLED},
    {"ThrottledException", AWS_ERROR_THROTTLED},
    {"ThrottleException", AWS_ERROR_THROTTLED},
    {"Throttling", AWS_ERROR_THROTTLED},
    {"ThrottlingException", AWS_ERROR_THROTTLED},
    {"TooManyRequestsException", AWS_ERROR_THROTTLED},
    {"TransactionInProgressException", AWS_ERROR_THROTTLED},
    {"UnableToAccessSecretException", AWS_ERROR_SECRET_INACCESSIBLE},
    {"UnableToDecryptSecretValueException", AWS_ERROR_SECRET_UNDECRYPTABLE},
    {"UnauthorizedOperation", AWS_ERROR_ACCESS_DENIED},
    {"UnrecognizedClientException", AWS_ERROR_EXPIRED_CREDENTIALS},
    {"UnsupportedUpstreamRegistryException", AWS_ERROR_UNSUPPORTED_UPSTREAM},
    {"ValidationError", AWS_ERROR_INVALID},
    {"ValidationException", AWS_ERROR_INVALID},
};

static enum aws_error_class judge_status(int status)
{
    if (status == 429)
        return AWS_ERROR_THROTTLED;
    if (status == 408 || status == 500 || status == 502 || status == 503 || status == 504)
        return AWS_ERROR_TRANSIENT;
    return AWS_ERROR_TERMINAL;
}

static bool mentions(const struct aws_error *failure, const char *words)
{
    return strcasestr(failure->message, words) != NULL;
}

static enum aws_error_class judge_code(const struct aws_error *failure, const char *operation)
{
    struct slice code = slice_str(failure->code);

    /* ECR: the quota of rules. It stands in every SDK's list of throttling codes. */
    if (slice_is(code, "LimitExceededException") &&
        slice_starts_with(slice_str(operation), slice_str("Create")))
        return AWS_ERROR_QUOTA;
    if (slice_is(code, "UnsupportedUpstreamRegistryException") &&
        mentions(failure, "requires authentication"))
        return AWS_ERROR_SECRET_REQUIRED;
    if ((slice_is(code, "InvalidSignatureException") || slice_is(code, "SignatureDoesNotMatch")) &&
        (mentions(failure, "signature expired") || mentions(failure, "signature not yet current")))
        return AWS_ERROR_CLOCK_SKEW;
    for (size_t i = 0; i < sizeof(code_classes) / sizeof(code_classes[0]); i++)
        if (slice_is(code, code_classes[i].code))
            return code_classes[i].class;
    if (slice_ends_with(code, slice_str("NotFoundException")))
        return AWS_ERROR_NOT_FOUND;
    if (slice_ends_with(code, slice_str("AlreadyExistsException")))
        return AWS_ERROR_ALREADY_EXISTS;
    return judge_status(failure->status);
}

/* "com.amazonaws.ecr#Name", "Name:http://...": the name, if it looks like one. */
static bool take_code(struct aws_error *failure, struct slice text)
{
    size_t hash;

    text.len = slice_find(text, ':');
    hash = slice_find(text, '#');
    if (hash < text.len)
        text = slice_from(text, hash + 1);
    if (text.len == 0 || text.len >= sizeof(failure->code))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '.' && c != '_' && c != '-')
            return false;
    }
    memcpy(failure->code, text.ptr, text.len);
    failure->code[text.len] = '\0';
    return true;
}

static void copy_printable(char *to, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;

    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? '?' : text.ptr[i];
    to[len] = '\0';
}

/* How much of `text` stands before the next secret; *hidden is that secret's length, or 0. */
static size_t find_secret(struct slice text, const struct slice *secrets, size_t n, size_t *hidden)
{
    size_t first = text.len;

    *hidden = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = secrets[i].len == 0 || text.len == 0
                             ? NULL
                             : memmem(text.ptr, text.len, secrets[i].ptr, secrets[i].len);

        if (at && ((size_t)(at - text.ptr) < first ||
                   ((size_t)(at - text.ptr) == first && secrets[i].len > *hidden))) {
            first = (size_t)(at - text.ptr);
            *hidden = secrets[i].len;
        }
    }
    return first;
}

/* The first line only: what follows in a signature error is the canonical request, token and
 * all. */
static void take_message(struct aws_error *failure, struct slice text, const struct slice *secrets,
                         size_t n_secrets)
{
    STRBUF_CLEANUP struct strbuf clean = STRBUF_SECRET_INIT(TEXT_MAX + 16);
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * TEXT_MAX);
    size_t end = 0, before, hidden;

    while (end < text.len && end < TEXT_MAX && text.ptr[end] != '\n' && text.ptr[end] != '\r')
        end++;
    text.len = end;
    do {
        before = find_secret(text, secrets, n_secrets, &hidden);
        strbuf_add(&clean, text.ptr, before);
        strbuf_add_str(&clean, hidden ? "***" : "");
        text = slice_from(text, before + hidden);
    } while (hidden);
    redact_text(&shown, strbuf_slice(&clean));
    copy_printable(failure->message, sizeof(failure->message), strbuf_slice(&shown));
}

static struct slice member(const json_t *object, const char *name, const char *other_name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        value = json_object_get(object, other_name);
    if (!json_is_string(value))
        return (struct slice){0};
    return slice_of(json_string_value(value), json_string_length(value));
}

static void read_json(struct aws_error *failure, struct slice body, const struct slice *secrets,
                      size_t n_secrets)
{
    json_t *root = json_loadb(body.ptr, body.len, JSON_ALLOW_NUL, NULL);
    const json_t *inner = json_object_get(root, "Error"); /* STS, when asked for JSON */

    if (!json_is_object(inner))
        inner = root;
    if (!failure->code[0] && !take_code(failure, member(inner, "code", "Code")))
        (void)take_code(failure, member(inner, "__type", "__type"));
    take_message(failure, member(inner, "message", "Message"), secrets, n_secrets);
    if (!failure->request_id[0])
        copy_printable(failure->request_id, sizeof(failure->request_id),
                       member(root, "RequestId", "requestId"));
    json_decref(root);
}

static void read_xml(struct aws_error *failure, struct slice body, const struct slice *secrets,
                     size_t n_secrets)
{
    STRBUF_CLEANUP struct strbuf code = STRBUF_INIT(TEXT_MAX);
    STRBUF_CLEANUP struct strbuf message = STRBUF_SECRET_INIT(TEXT_MAX);
    STRBUF_CLEANUP struct strbuf id = STRBUF_INIT(TEXT_MAX);

    if (xml_scan_text(body, "ErrorResponse/Error/Code", &code, NULL) != 0)
        return; /* an HTML page, for instance */
    if (!failure->code[0])
        (void)take_code(failure, strbuf_slice(&code));
    if (xml_scan_text(body, "ErrorResponse/Error/Message", &message, NULL) == 0)
        take_message(failure, strbuf_slice(&message), secrets, n_secrets);
    if (!failure->request_id[0] && xml_scan_text(body, "ErrorResponse/RequestId", &id, NULL) == 0)
        copy_printable(failure->request_id, sizeof(failure->request_id), strbuf_slice(&id));
}

void aws_error_decode(struct aws_error *failure, const char *operation,
                      const struct aws_error_answer *answer, const struct slice *secrets,
                      size_t n_secrets)
{
    struct slice body = answer->body;

    *failure = (struct aws_error){.status = answer->status};
    copy_printable(failure->request_id, sizeof(failure->request_id), answer->request_id);
    (void)take_code(failure, answer->error_type);
    while (body.len > 0 && (unsigned char)body.ptr[0] <= ' ')
        body = slice_from(body, 1);
    if (body.len > 0 && body.len <= BODY_MAX) {
        if (body.ptr[0] == '{')
            read_json(failure, body, secrets, n_secrets);
        else if (body.ptr[0] == '<')
            read_xml(failure, body, secrets, n_secrets);
        else
            take_message(failure, body, secrets, n_secrets); /* a proxy's, an agent's */
    }
    failure->class =
        failure->code[0] ? judge_code(failure, operation) : judge_status(failure->status);
}

int aws_error_describe(const struct aws_error *failure, const char *operation, struct error *error)
{
    return error_set(error, "%s: %s%s%s (HTTP %d%s%s)", operation,
                     failure->code[0] ? failure->code : "no error code",
                     failure->message[0] ? ": " : "", failure->message, failure->status,
                     failure->request_id[0] ? ", request id " : "", failure->request_id);
}
