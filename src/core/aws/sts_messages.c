/*
 * Forms are written percent-encoded member by member; answers are XML, of which xml_scan finds
 * the texts that are wanted. No tree is built, and an element in the wrong place is a malformed
 * answer.
 */
#include "pullthrough/core/aws/sts_messages.h"

#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/image/ecr_host.h"
#include "xml_scan.h"

#define IDENTITY    "GetCallerIdentityResponse/GetCallerIdentityResult/"
#define CREDENTIALS "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials/"

static void add_action(struct strbuf *out, enum aws_operation operation)
{
    strbuf_add_format(out, "Action=%s&Version=2011-06-15", aws_operation_name(operation));
}

void sts_encode_identity(struct strbuf *out)
{
    add_action(out, AWS_GET_IDENTITY);
}

/* The text at `path`, which must be there. */
static int read_text(struct slice body, const char *path, struct strbuf *text, struct error *error)
{
    int result = xml_scan_text(body, path, text, error);

    if (result == XML_SCAN_ABSENT || (result == 0 && text->len == 0))
        return error_set(error, "the answer has no %s", strrchr(path, '/') + 1);
    return result;
}

int sts_decode_identity(struct sts_identity *identity, struct slice body, struct error *error)
{
    STRBUF_CLEANUP struct strbuf account = STRBUF_INIT(100);
    STRBUF_CLEANUP struct strbuf arn = STRBUF_INIT(STS_ARN_BYTES - 1);

    if (read_text(body, IDENTITY "Account", &account, error) < 0 ||
        read_text(body, IDENTITY "Arn", &arn, error) < 0)
        return -1;
    if (!ecr_host_is_account(strbuf_slice(&account)))
        return error_set(error, "the answer's Account is not an account");
    memcpy(identity->account, account.ptr, account.len + 1);
    memcpy(identity->arn, arn.ptr, arn.len + 1);
    return 0;
}

static void add_escaped(struct strbuf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~')
            strbuf_add_char(out, (char)c);
        else
            strbuf_add_format(out, "%%%02X", c);
    }
}

static bool is_session(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("_+=,.@-", c)))
            return false;
    }
    return text.len >= 2 && text.len <= 64;
}

static int check_token(struct slice token, struct error *error)
{
    if (token.len < 4 || token.len > STS_TOKEN_MAX)
        return error_set(error, "the web identity token has %zu bytes; STS wants 4 to %d",
                         token.len, STS_TOKEN_MAX);
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] <= 0x20 || token.ptr[i] >= 0x7f)
            return error_set(error, "the web identity token has a byte that is not visible ASCII");
    return 0;
}

int sts_encode_web_identity(struct strbuf *out, const struct sts_web_identity *wanted,
                            struct error *error)
{
    if (!slice_starts_with(wanted->role_arn, slice_str("arn:")) || wanted->role_arn.len > 2048)
        return error_set(error, "\"%.*s\" is not an ARN of a role", SLICE_FMT(wanted->role_arn));
    if (!is_session(wanted->session))
        return error_set(error,
                         "the role session name must be 2 to 64 letters, digits or \"_+=,.@-\"");
    if (check_token(wanted->token, error) < 0)
        return -1;
    add_action(out, AWS_ASSUME_ROLE);
    strbuf_add_str(out, "&RoleArn=");
    add_escaped(out, wanted->role_arn);
    strbuf_add_str(out, "&RoleSessionName=");
    add_escaped(out, wanted->session);
    strbuf_add_str(out, "&WebIdentityToken=");
    add_escaped(out, wanted->token);
    if (strbuf_overflowed(out))
        return error_set(error, "the request to STS is too long");
    return 0;
}

int sts_decode_web_identity(struct aws_keys *keys, struct slice body, struct error *error)
{
    STRBUF_CLEANUP struct strbuf id = STRBUF_SECRET_INIT(AWS_KEYS_ID_MAX);
    STRBUF_CLEANUP struct strbuf secret = STRBUF_SECRET_INIT(AWS_KEYS_SECRET_MAX);
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(AWS_KEYS_TOKEN_MAX);
    STRBUF_CLEANUP struct strbuf expires = STRBUF_INIT(100);
    int64_t expires_s;

    if (read_text(body, CREDENTIALS "AccessKeyId", &id, error) < 0 ||
        read_text(body, CREDENTIALS "SecretAccessKey", &secret, error) < 0 ||
        read_text(body, CREDENTIALS "SessionToken", &token, error) < 0 ||
        read_text(body, CREDENTIALS "Expiration", &expires, error) < 0)
        return -1;
    if (timestamp_parse_rfc3339(strbuf_slice(&expires), &expires_s, error) < 0)
        return error_set(error, "Expiration is not an RFC 3339 time");
    if (aws_keys_set(keys, strbuf_slice(&id), strbuf_slice(&secret), strbuf_slice(&token), error) <
        0)
        return -1;
    keys->expires_s = expires_s;
    return 0;
}
