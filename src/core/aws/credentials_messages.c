/*
 * Three sources, one shape with other names: each is a list of fields read into keys and a time
 * of expiry. An answer that lacks one is refused as a whole, with the field's name and never
 * its value.
 */
#include "pullthrough/core/aws/credentials_messages.h"

#include "pullthrough/core/aws/secret_json.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/base/url.h"

/* EKS Pod Identity and ECS: SDKs' "container credential provider" */
static bool is_agent(const struct url *url)
{
    return url_is_loopback(url) || url_is_address(url, "169.254.170.2") ||
           url_is_address(url, "169.254.170.23") || url_is_address(url, "fd00:ec2::23");
}

int credentials_container_place(struct credentials_place *place, struct slice relative,
                                struct slice full, struct strbuf *url, struct error *error)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(URL_MAX);
    struct url parts;

    if (relative.len > 0 && relative.ptr[0] != '/')
        return error_set(error, "the relative URI does not begin with \"/\"");
    if (relative.len == 0 && full.len == 0)
        return CREDENTIALS_NO_PLACE;
    strbuf_add_str(&text, relative.len > 0 ? "http://169.254.170.2" : "");
    strbuf_add_slice(&text, relative.len > 0 ? relative : full);
    if (strbuf_overflowed(&text))
        return error_set(error, "the URL has over %d bytes", URL_MAX);
    if (url_parse(&parts, strbuf_slice(&text), error) < 0)
        return -1;
    if (!parts.https && !is_agent(&parts))
        return error_set(error, "%.*s may not be asked in the clear", SLICE_FMT(parts.host));
    place->plain = !parts.https;
    place->direct = is_agent(&parts);
    url_print(&parts, url);
    return 0;
}

static int require(const struct secret_json *json, const char *name, struct slice *text,
                   struct error *error)
{
    int result = secret_json_text(json, name, text, error);

    if (result == SECRET_JSON_ABSENT || (result == 0 && text->len == 0))
        return error_set(error, "the answer has no %s", name);
    return result;
}

/* `token`: the name of the session's token. Keys that needn't be `temporary` may do without, and
 * without an end. */
static int decode(struct aws_keys *keys, const struct secret_json *json, const char *token,
                  bool temporary, struct error *error)
{
    int (*const get)(const struct secret_json *, const char *, struct slice *, struct error *) =
        temporary ? require : secret_json_text;
    struct slice id, secret, session, expires, account;
    int64_t expires_s = AWS_KEYS_NEVER;

    if (require(json, "AccessKeyId", &id, error) < 0 ||
        require(json, "SecretAccessKey", &secret, error) < 0 ||
        get(json, token, &session, error) < 0 || get(json, "Expiration", &expires, error) < 0 ||
        secret_json_text(json, "AccountId", &account, error) < 0)
        return -1;
    if (expires.len > 0 && timestamp_parse_rfc3339(expires, &expires_s, error) < 0)
        return error_set(error, "Expiration is not an RFC 3339 time");
    if (aws_keys_set(keys, id, secret, session, error) < 0)
        return -1;
    aws_keys_set_account(keys, account);
    keys->expires_s = expires_s;
    return 0;
}

int credentials_decode_container(struct aws_keys *keys, struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;

    if (secret_json_parse(&json, body, error) < 0)
        return -1;
    return decode(keys, json, "Token", true, error);
}

int credentials_decode_instance(struct aws_keys *keys, struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    struct slice code;

    if (secret_json_parse(&json, body, error) < 0 || require(json, "Code", &code, error) < 0)
        return -1;
    if (!slice_is(code, "Success"))
        return error_set(error, "the service says \"%.*s\"", (int)(code.len < 100 ? code.len : 100),
                         code.ptr);
    return decode(keys, json, "Token", true, error);
}

int credentials_decode_process(struct aws_keys *keys, struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    int64_t version;

    if (secret_json_parse(&json, body, error) < 0 ||
        secret_json_number(json, "Version", &version, error) < 0)
        return -1;
    if (version != 1)
        return error_set(error, "the answer's Version is not 1");
    return decode(keys, json, "SessionToken", false, error);
}
