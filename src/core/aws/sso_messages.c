/*
 * JSON in, JSON out, all of it secret. The AWS CLI of old wrote "UTC" for "Z"; both are read, and
 * "Z" is written. Not modelled: the device flow, which needs a browser and is the AWS CLI's.
 */
#include "pullthrough/core/aws/sso_messages.h"

#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/base/url.h"

#include <openssl/evp.h>

static void add_digest(struct strbuf *out, const EVP_MD *digest, struct slice text)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(text.ptr, text.len, bytes, &n, digest, NULL) != 1)
        return; /* no such file then */
    for (unsigned i = 0; i < n; i++)
        strbuf_add_format(out, "%02x", bytes[i]);
    strbuf_add_str(out, ".json");
}

void sso_cache_name(struct strbuf *out, struct slice name)
{
    add_digest(out, EVP_sha1(), name); /* no secret is hidden by it: it is how the file is called */
}

void sso_login_cache_name(struct strbuf *out, struct slice session)
{
    add_digest(out, EVP_sha256(), session);
}

static int require(const struct secret_json *json, const char *path, struct slice *text,
                   struct error *error)
{
    int result = secret_json_text(json, path, text, error);

    if (result == SECRET_JSON_ABSENT || (result == 0 && text->len == 0))
        return error_set(error, "%s is missing", path);
    return result;
}

static int parse_time(struct slice text, const char *name, int64_t *seconds, struct error *error)
{
    STRBUF_CLEANUP struct strbuf copy = STRBUF_INIT(100);

    strbuf_add_slice(&copy, text);
    if (slice_ends_with(text, slice_str("UTC")) && copy.len > 3) {
        strbuf_truncate(&copy, copy.len - 3);
        strbuf_add_char(&copy, 'Z');
    }
    if (timestamp_parse_rfc3339(strbuf_slice(&copy), seconds, error) < 0)
        return error_set(error, "%s is not an RFC 3339 time", name);
    return 0;
}

int sso_token_read(struct sso_token *token, struct slice text, struct error *error)
{
    struct slice expires;

    *token = (struct sso_token){0};
    if (secret_json_parse(&token->json, text, error) < 0 ||
        require(token->json, "accessToken", &token->access, error) < 0 ||
        require(token->json, "expiresAt", &expires, error) < 0 ||
        parse_time(expires, "expiresAt", &token->expires_s, error) < 0 ||
        secret_json_text(token->json, "refreshToken", &token->refresh, error) < 0 ||
        secret_json_text(token->json, "clientId", &token->client_id, error) < 0 ||
        secret_json_text(token->json, "clientSecret", &token->client_secret, error) < 0 ||
        secret_json_text(token->json, "registrationExpiresAt", &token->registration, error) < 0)
        return -1;
    return token->registration.len > 0 ? parse_time(token->registration, "registrationExpiresAt",
                                                    &token->registration_expires_s, error)
                                       : 0;
}

void sso_token_fini(struct sso_token *token)
{
    secret_json_free(token->json);
    *token = (struct sso_token){0};
}

bool sso_token_can_refresh(const struct sso_token *token, int64_t now_s)
{
    return token->refresh.len > 0 && token->client_id.len > 0 && token->client_secret.len > 0 &&
           now_s < token->registration_expires_s;
}

static void add_member(struct strbuf *out, const char *name, struct slice value)
{
    strbuf_add_format(out, "%s\"%s\": ", out->len ? ", " : "{", name);
    strbuf_add_json(out, value);
}

void sso_encode_refresh(struct strbuf *out, const struct sso_token *token)
{
    add_member(out, "clientId", token->client_id);
    add_member(out, "clientSecret", token->client_secret);
    add_member(out, "grantType", slice_str("refresh_token"));
    add_member(out, "refreshToken", token->refresh);
    strbuf_add_char(out, '}');
}

int sso_refreshed(struct strbuf *file, const struct sso_token *old, struct slice answer,
                  struct slice start_url, struct slice region, int64_t now_s, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    STRBUF_CLEANUP struct strbuf expires = STRBUF_INIT(100);
    struct slice access, refresh;
    int64_t expires_in_s;

    if (secret_json_parse(&json, answer, error) < 0 ||
        require(json, "accessToken", &access, error) < 0 ||
        secret_json_text(json, "refreshToken", &refresh, error) < 0 ||
        secret_json_number(json, "expiresIn", &expires_in_s, error) < 0)
        return -1;
    if (expires_in_s > 366 * 86400)
        return error_set(error, "expiresIn is over a year");
    timestamp_print_rfc3339(&expires, now_s + expires_in_s);
    add_member(file, "startUrl", start_url);
    add_member(file, "region", region);
    add_member(file, "accessToken", access);
    add_member(file, "expiresAt", strbuf_slice(&expires));
    add_member(file, "clientId", old->client_id);
    add_member(file, "clientSecret", old->client_secret);
    add_member(file, "registrationExpiresAt", old->registration);
    if (refresh.len > 0)
        add_member(file, "refreshToken", refresh);
    strbuf_add_char(file, '}');
    return strbuf_overflowed(file) ? error_set(error, "the answer is too long") : 0;
}

void sso_print_target(struct strbuf *out, struct slice role, struct slice account)
{
    strbuf_add_str(out, "/federation/credentials?role_name=");
    url_add_escaped(out, role);
    strbuf_add_str(out, "&account_id=");
    url_add_escaped(out, account);
}

int sso_decode_role(struct aws_keys *keys, struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    struct slice id, secret, token;
    int64_t expires_ms;

    if (secret_json_parse(&json, body, error) < 0 ||
        require(json, "roleCredentials/accessKeyId", &id, error) < 0 ||
        require(json, "roleCredentials/secretAccessKey", &secret, error) < 0 ||
        require(json, "roleCredentials/sessionToken", &token, error) < 0 ||
        secret_json_number(json, "roleCredentials/expiration", &expires_ms, error) < 0)
        return -1;
    if (expires_ms == 0)
        return error_set(error, "roleCredentials/expiration is missing");
    if (aws_keys_set(keys, id, secret, token, error) < 0)
        return -1;
    keys->expires_s = expires_ms / 1000;
    return 0;
}

int sso_decode_login(struct aws_keys *keys, struct slice text, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    struct slice id, secret, token, account, expires;
    int64_t expires_s;

    if (secret_json_parse(&json, text, error) < 0 ||
        require(json, "accessToken/accessKeyId", &id, error) < 0 ||
        require(json, "accessToken/secretAccessKey", &secret, error) < 0 ||
        require(json, "accessToken/sessionToken", &token, error) < 0 ||
        secret_json_text(json, "accessToken/accountId", &account, error) < 0 ||
        require(json, "accessToken/expiresAt", &expires, error) < 0 ||
        parse_time(expires, "accessToken/expiresAt", &expires_s, error) < 0 ||
        aws_keys_set(keys, id, secret, token, error) < 0)
        return -1;
    aws_keys_set_account(keys, account);
    keys->expires_s = expires_s;
    return 0;
}
