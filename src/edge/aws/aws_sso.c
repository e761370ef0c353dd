/*
 * Two plain HTTP services: neither call is signed, the token is the right. A call is tried three
 * times where that may help. Which answer means "log in again" is decided here, in one place.
 *
 * Not modelled: exchanging a login session's refresh token, which takes a signature by a key of its
 * own (DPoP); its keys are good for a quarter of an hour, then it is the AWS CLI's turn.
 */
#include "aws_sso.h"

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/aws/sso_messages.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/file_replace.h"
#include "pullthrough/edge/sys/log.h"

enum {
    EARLY_S = 15 * 60, /* as the AWS CLI: refreshed where less is left */
    PATH_MAX_BYTES = 4096,
    CONNECT_MS = 5000,
    TOTAL_MS = 10000,
    ATTEMPTS = 3,
    BASE_MS = 200,
    CAP_MS = 2000,
};

static const struct service {
    const char *name, *variable, *block, *host, *fips_host;
} portal = {"SSO GetRoleCredentials", "AWS_ENDPOINT_URL_SSO", "sso", "portal.sso",
            "portal.sso-fips"},
  oidc = {"SSO OIDC CreateToken", "AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc", "oidc", "oidc-fips"};

/* The reason, and what to type. */
static int log_in(const struct aws_sso *sso, const char *reason, const char *command,
                  struct error *error)
{
    size_t plain = 0;
    struct slice name = sso->profile;

    while (plain < name.len && (strchr("-_.@/+:=,", name.ptr[plain]) ||
                                (name.ptr[plain] >= '0' && name.ptr[plain] <= '9') ||
                                (name.ptr[plain] >= 'A' && name.ptr[plain] <= 'Z') ||
                                (name.ptr[plain] >= 'a' && name.ptr[plain] <= 'z')))
        plain++;
    return error_set(error, "profile \"%.*s\": %s; type: %s --profile %s%.*s%s", SLICE_FMT(name),
                     reason, command, plain < name.len ? "'" : "", SLICE_FMT(name),
                     plain < name.len ? "'" : "");
}

static int sso_login(const struct aws_sso *sso, const char *reason, struct error *error)
{
    return log_in(sso, reason, "aws sso login", error);
}

/* The URL of a service, without the path. */
static int print_url(const struct aws_sso *sso, const struct service *service, struct strbuf *out,
                     bool *plain, struct error *error)
{
    const struct aws_profile_keys *asked = sso->asked;
    const struct aws_settings *settings = asked->sender->settings;
    const struct aws_partition *partition = aws_partition_of(sso->source->sso_region);
    struct slice custom = aws_settings_url(asked->environment, asked->profiles, asked->profile,
                                           service->variable, service->block);
    struct url url;

    *plain = false;
    if (!ecr_host_is_region(sso->source->sso_region))
        return error_set(error, "profile \"%.*s\": its sso_region is not an AWS region",
                         SLICE_FMT(sso->profile));
    if (custom.len == 0) {
        strbuf_add_format(out, "https://%s.%.*s.%s",
                          settings->fips ? service->fips_host : service->host,
                          SLICE_FMT(sso->source->sso_region),
                          settings->dual_stack ? partition->dual_stack_suffix : partition->suffix);
        return 0;
    }
    if (url_parse(&url, custom, error) < 0)
        return error_prefix(error, "custom endpoint for %s", service->block);
    *plain = !url.https;
    strbuf_add_slice(out, custom);
    while (out->len > 0 && out->ptr[out->len - 1] == '/')
        strbuf_truncate(out, out->len - 1);
    return 0;
}

/* Ask until there is an answer that stands; 0 whatever its status. */
static int ask(const struct aws_sso *sso, const struct http_client_request *request,
               struct http_client_answer *answer, struct error *error)
{
    const struct aws_sender *sender = sso->asked->sender;
    const struct timing *timing = sender->timing;

    for (unsigned n = 0;; n++) {
        int result = http_client_send(sender->http, request, answer, error);
        bool passing = result == HTTP_CLIENT_NO_ANSWER ||
                       (result == 0 && (answer->status == 429 || answer->status >= 500));

        if (!passing)
            return result;
        if (n + 1 == ATTEMPTS ||
            !timing->wait(timing->context,
                          backoff_ms(n, BASE_MS, CAP_MS, timing->random(timing->context))))
            return result;
    }
}

/* One call; the answer is there with any status. */
static int call(const struct aws_sso *sso, const struct service *service, struct slice target,
                const struct http_client_header *header, struct slice body,
                struct http_client_answer *answer, struct error *error)
{
    STRBUF_CLEANUP struct strbuf url = STRBUF_INIT(URL_MAX);
    bool plain;

    if (print_url(sso, service, &url, &plain, error) < 0)
        return -1;
    strbuf_add_slice(&url, target);
    if (strbuf_overflowed(&url))
        return error_set(error, "%s: the URL is too long", service->name);
    if (ask(sso,
            &(struct http_client_request){
                .method = body.len > 0 ? "POST" : "GET",
                .url = strbuf_str(&url),
                .headers = header,
                .n_headers = 1,
                .body = body,
                .connect_ms = CONNECT_MS,
                .total_ms = TOTAL_MS,
                .plain = plain,
            },
            answer, error) == 0)
        return 0;
    (void)error_prefix(error, "%s", service->name);
    return -1;
}

static int describe(const struct service *service, const struct http_client_answer *answer,
                    struct slice token, struct error *error)
{
    struct aws_error failure;

    aws_error_decode(&failure, "",
                     &(struct aws_error_answer){
                         .status = answer->status,
                         .error_type = http_client_answer_header(answer, "x-amzn-ErrorType"),
                         .request_id = http_client_answer_header(answer, "x-amzn-RequestId"),
                         .body = strbuf_slice(&answer->body),
                     },
                     &token, 1);
    return aws_error_describe(&failure, service->name, error);
}

static int print_cache_path(const struct aws_sso *sso, struct strbuf *path, struct error *error)
{
    struct slice session = sso->source->sso_session;

    aws_settings_print_path(path, sso->asked->environment, "sso/cache/");
    if (path->len == 0)
        return error_set(error, "HOME is not set, so there is no cache of the AWS CLI");
    sso_cache_name(path, session.len > 0 ? session : sso->source->sso_start_url);
    return strbuf_overflowed(path) ? error_set(error, "the path of the cache is too long") : 0;
}

/* Exchange the token, in *file and in the cache. -1: it can't be. */
static int exchange(const struct aws_sso *sso, const struct sso_token *token, const char *path,
                    struct strbuf *file, struct error *error)
{
    const struct http_client_header header = {"Content-Type", slice_str("application/json")};
    STRBUF_CLEANUP struct strbuf body = STRBUF_SECRET_INIT(SSO_TOKEN_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    const struct aws_profile_source *source = sso->source;

    http_client_answer_init(&answer, SSO_TOKEN_MAX, true);
    sso_encode_refresh(&body, token);
    if (call(sso, &oidc, slice_str("/token"), &header, strbuf_slice(&body), &answer, error) < 0)
        return -1;
    if (answer.status != 200)
        return describe(&oidc, &answer, token->refresh, error);
    if (sso_refreshed(file, token, strbuf_slice(&answer.body), source->sso_start_url,
                      source->sso_region, aws_sender_now_s(sso->asked->sender), error) < 0)
        return error_prefix(error, "%s", oidc.name);
    if (file_replace(path, strbuf_slice(file), error) < 0)
        log_event(LOG_LEVEL_WARN, "the AWS CLI's cache could not be written",
                  LOG_TEXT("reason", error->text));
    return 0;
}

/* A token that is good now. Only one of a session of its own is exchanged; the old form can't be.
 */
static int find_token(const struct aws_sso *sso, struct sso_token *token, struct error *error)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);
    STRBUF_CLEANUP struct strbuf text = STRBUF_SECRET_INIT(SSO_TOKEN_MAX);
    STRBUF_CLEANUP struct strbuf fresh = STRBUF_SECRET_INIT(SSO_TOKEN_MAX);
    int64_t now_s = aws_sender_now_s(sso->asked->sender);
    struct error why = {""};

    if (print_cache_path(sso, &path, error) < 0)
        return -1;
    if (!file_stamp_of(strbuf_str(&path)).exists)
        return sso_login(sso, "there is no SSO login", error);
    if (file_read(strbuf_str(&path), &text, error) < 0)
        return error_prefix(error, "the AWS CLI's cache");
    if (sso_token_read(token, strbuf_slice(&text), &why) < 0)
        return sso_login(sso, "its SSO login can't be read", error);
    if (sso->source->sso_session.len > 0 && token->expires_s - now_s < EARLY_S &&
        sso_token_can_refresh(token, now_s) &&
        exchange(sso, token, strbuf_str(&path), &fresh, &why) == 0) {
        sso_token_fini(token);
        if (sso_token_read(token, strbuf_slice(&fresh), error) < 0)
            return -1;
    }
    if (token->expires_s > now_s)
        return 0;
    return sso_login(sso, "its SSO login is over", error);
}

int aws_sso_keys(const struct aws_sso *sso, struct aws_keys *keys, struct error *error)
{
    SSO_TOKEN_CLEANUP struct sso_token token = {0};
    STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(URL_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    struct http_client_header header = {.name = "x-amz-sso_bearer_token"};

    http_client_answer_init(&answer, SSO_TOKEN_MAX, true);
    if (find_token(sso, &token, error) < 0)
        return -1;
    header.value = token.access;
    sso_print_target(&target, sso->source->sso_role, sso->source->sso_account);
    if (call(sso, &portal, strbuf_slice(&target), &header, (struct slice){0}, &answer, error) < 0)
        return -1;
    if (answer.status == 401)
        return sso_login(sso, "its SSO login is not taken any more", error);
    if (answer.status != 200)
        return describe(&portal, &answer, token.access, error);
    if (sso_decode_role(keys, strbuf_slice(&answer.body), error) < 0)
        return error_prefix(error, "%s", portal.name);
    aws_keys_set_account(keys, sso->source->sso_account);
    return 0;
}

static int login_path(const struct aws_sso *sso, struct strbuf *path, struct error *error)
{
    struct slice folder = environment_get(sso->asked->environment, "AWS_LOGIN_CACHE_DIRECTORY");

    if (folder.len > 0)
        strbuf_add_format(path, "%.*s/", SLICE_FMT(folder));
    else
        aws_settings_print_path(path, sso->asked->environment, "login/cache/");
    if (path->len == 0)
        return error_set(error, "HOME is not set, so there is no cache of the AWS CLI");
    sso_login_cache_name(path, sso->source->login_session);
    return strbuf_overflowed(path) ? error_set(error, "the path of the cache is too long") : 0;
}

int aws_sso_login_keys(const struct aws_sso *sso, struct aws_keys *keys, struct error *error)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);
    STRBUF_CLEANUP struct strbuf text = STRBUF_SECRET_INIT(SSO_TOKEN_MAX);
    struct error why = {""};

    if (login_path(sso, &path, error) < 0)
        return -1;
    if (!file_stamp_of(strbuf_str(&path)).exists)
        return log_in(sso, "there is no login session", "aws login", error);
    if (file_read(strbuf_str(&path), &text, error) < 0)
        return error_prefix(error, "the AWS CLI's cache");
    if (sso_decode_login(keys, strbuf_slice(&text), &why) < 0)
        return log_in(sso, "its login session can't be read", "aws login", error);
    if (keys->expires_s > aws_sender_now_s(sso->asked->sender))
        return 0;
    aws_keys_wipe(keys);
    return log_in(sso, "its login session is over", "aws login", error);
}
