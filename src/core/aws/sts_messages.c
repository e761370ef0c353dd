/*
 * Forms are written percent-encoded member by member; answers are XML, of which xml_scan finds
 * the texts that are wanted. No tree is built, and an element in the wrong place is a malformed
 * answer.
 */
#include "pullthrough/core/aws/sts_messages.h"

#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/core/image/ecr_host.h"
#include "xml_scan.h"

#define IDENTITY     "GetCallerIdentityResponse/GetCallerIdentityResult/"
#define WEB_IDENTITY "AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/"
#define ROLE         "AssumeRoleResponse/AssumeRoleResult/"

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

static int add_role(struct strbuf *out, enum aws_operation operation, struct slice arn,
                    struct slice session, struct error *error)
{
    if (!slice_starts_with(arn, slice_str("arn:")) || arn.len > 2048)
        return error_set(error, "\"%.*s\" is not an ARN of a role", SLICE_FMT(arn));
    if (!is_session(session))
        return error_set(error,
                         "the role session name must be 2 to 64 letters, digits or \"_+=,.@-\"");
    add_action(out, operation);
    strbuf_add_str(out, "&RoleArn=");
    url_add_escaped(out, arn);
    strbuf_add_str(out, "&RoleSessionName=");
    url_add_escaped(out, session);
    return 0;
}

static void add_field(struct strbuf *out, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    strbuf_add_format(out, "&%s=", name);
    url_add_escaped(out, value);
}

static int end_form(const struct strbuf *out, struct error *error)
{
    return strbuf_overflowed(out) ? error_set(error, "the request to STS is too long") : 0;
}

int sts_encode_web_identity(struct strbuf *out, const struct sts_web_identity *wanted,
                            struct error *error)
{
    if (check_token(wanted->token, error) < 0 ||
        add_role(out, AWS_ASSUME_ROLE, wanted->role_arn, wanted->session, error) < 0)
        return -1;
    add_field(out, "WebIdentityToken", wanted->token);
    return end_form(out, error);
}

/* STS API, AssumeRole: TokenCode */
static bool is_code(struct slice code)
{
    for (size_t i = 0; i < code.len; i++)
        if (code.ptr[i] < '0' || code.ptr[i] > '9')
            return false;
    return code.len == 6;
}

int sts_encode_role(struct strbuf *out, const struct sts_role *wanted, struct error *error)
{
    if (wanted->mfa_serial.len > 0 && !is_code(wanted->mfa_code))
        return error_set(error, "an MFA code is six digits");
    if (add_role(out, AWS_ASSUME_ROLE_BY_KEYS, wanted->role_arn, wanted->session, error) < 0)
        return -1;
    if (wanted->duration_s)
        strbuf_add_format(out, "&DurationSeconds=%u", wanted->duration_s);
    add_field(out, "ExternalId", wanted->external_id);
    add_field(out, "SerialNumber", wanted->mfa_serial);
    add_field(out, "TokenCode", wanted->mfa_serial.len > 0 ? wanted->mfa_code : (struct slice){0});
    return end_form(out, error);
}

struct credentials {
    struct strbuf id, secret, token, expires;
};

static void credentials_fini(struct credentials *credentials)
{
    strbuf_fini(&credentials->id);
    strbuf_fini(&credentials->secret);
    strbuf_fini(&credentials->token);
    strbuf_fini(&credentials->expires);
}

/* The text of one of the members, which stand at `start`. */
static int read_member(struct slice body, const char *start, const char *name, struct strbuf *text,
                       struct error *error)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(200);

    strbuf_add_format(&path, "%sCredentials/%s", start, name);
    return read_text(body, strbuf_str(&path), text, error);
}

static int decode_keys(struct aws_keys *keys, struct slice body, const char *start,
                       struct error *error)
{
    __attribute__((cleanup(credentials_fini))) struct credentials found = {
        STRBUF_SECRET_INIT(AWS_KEYS_ID_MAX), STRBUF_SECRET_INIT(AWS_KEYS_SECRET_MAX),
        STRBUF_SECRET_INIT(AWS_KEYS_TOKEN_MAX), STRBUF_INIT(100)};
    int64_t expires_s;

    if (read_member(body, start, "AccessKeyId", &found.id, error) < 0 ||
        read_member(body, start, "SecretAccessKey", &found.secret, error) < 0 ||
        read_member(body, start, "SessionToken", &found.token, error) < 0 ||
        read_member(body, start, "Expiration", &found.expires, error) < 0)
        return -1;
    if (timestamp_parse_rfc3339(strbuf_slice(&found.expires), &expires_s, error) < 0)
        return error_set(error, "Expiration is not an RFC 3339 time");
    if (aws_keys_set(keys, strbuf_slice(&found.id), strbuf_slice(&found.secret),
                     strbuf_slice(&found.token), error) < 0)
        return -1;
    keys->expires_s = expires_s;
    return 0;
}

int sts_decode_web_identity(struct aws_keys *keys, struct slice body, struct error *error)
{
    return decode_keys(keys, body, WEB_IDENTITY, error);
}

int sts_decode_role(struct aws_keys *keys, struct slice body, struct error *error)
{
    STRBUF_CLEANUP struct strbuf arn = STRBUF_INIT(STS_ARN_BYTES - 1);
    struct slice rest;

    if (decode_keys(keys, body, ROLE, error) < 0)
        return -1;
    /* "arn:aws:sts::111122223333:assumed-role/NAME/SESSION"; it is no harm if it isn't there */
    (void)xml_scan_text(body, ROLE "AssumedRoleUser/Arn", &arn, NULL);
    rest = strbuf_slice(&arn);
    for (int i = 0; i < 4; i++)
        (void)slice_cut(&rest, ':');
    aws_keys_set_account(keys, slice_cut(&rest, ':'));
    return 0;
}
