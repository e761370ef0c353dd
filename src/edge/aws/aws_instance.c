/*
 * Each question is a session of its own (token, then GETs): they are asked once in hours. No
 * falling back to version 1: whoever can make us send a plain GET must not get keys by it.
 */
#include "aws_instance.h"

#include "pullthrough/core/aws/credentials_messages.h"
#include "pullthrough/core/base/url.h"

#include <stdio.h>

enum {
    ANSWER_MAX = 64 * 1024,
    TOKEN_MAX = 4096,
    ROLE_MAX = 64, /* IAM: a role's name */
    ATTEMPT_PAUSE_MS = 1000,
    TIMEOUT_MAX_S = 20,
    ATTEMPTS_MAX = 10,
};

#define ROLES "/latest/meta-data/iam/security-credentials/"

struct session {
    const struct aws_instance *instance;
    struct strbuf base;  /* "http://169.254.169.254" */
    struct strbuf token; /* secret */
    struct error *error;
};

/* A small positive number in a variable, or `otherwise`. */
static unsigned number_in(const struct environment *environment, const char *name,
                          unsigned otherwise, unsigned most)
{
    struct slice text = environment_get(environment, name);
    unsigned number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return otherwise;
        number = number * 10 + (unsigned)(text.ptr[i] - '0');
        if (number > most)
            return most;
    }
    return number > 0 ? number : otherwise;
}

static int find_base(struct session *session)
{
    const struct environment *environment = session->instance->environment;
    struct slice custom = environment_get(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    struct slice mode = environment_get(environment, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    bool v6 = mode.len == 4 && strncasecmp(mode.ptr, "IPv6", 4) == 0;
    struct url url;

    if (custom.len == 0) {
        strbuf_add_str(&session->base, v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
        return 0;
    }
    if (url_parse(&url, custom, session->error) < 0)
        return error_prefix(session->error, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    url_print(&url, &session->base);
    while (session->base.len > 0 && session->base.ptr[session->base.len - 1] == '/')
        strbuf_truncate(&session->base, session->base.len - 1);
    return 0;
}

/* One request; the results of http_client_send(). */
static int ask(const struct session *session, const char *method, const char *path,
               const struct http_client_header *header, struct http_client_answer *answer)
{
    const struct environment *environment = session->instance->environment;
    STRBUF_CLEANUP struct strbuf url = STRBUF_INIT(URL_MAX + 512);
    uint64_t timeout_ms =
        1000 * (uint64_t)number_in(environment, "AWS_METADATA_SERVICE_TIMEOUT", 1, TIMEOUT_MAX_S);

    strbuf_add_slice(&url, strbuf_slice(&session->base));
    strbuf_add_str(&url, path);
    return http_client_send(session->instance->http,
                            &(struct http_client_request){
                                .method = method,
                                .url = strbuf_str(&url),
                                .headers = header,
                                .n_headers = 1,
                                .connect_ms = timeout_ms,
                                .total_ms = timeout_ms,
                                .plain = true,
                                .direct = true,
                            },
                            answer, session->error);
}

static int take_token(struct session *session, const struct http_client_answer *answer)
{
    struct slice token = strbuf_slice(&answer->body);

    if (answer->status == 403 || answer->status == 404 || answer->status == 405) {
        (void)error_set(session->error, "the service answers HTTP %d to a PUT: no version 2",
                        answer->status);
        return AWS_INSTANCE_ABSENT;
    }
    if (answer->status != 200)
        return error_set(session->error, "HTTP %d when asked for a token", answer->status);
    if (slice_ends_with(token, slice_str("\n")))
        token.len--;
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] <= 0x20 || token.ptr[i] >= 0x7f)
            return error_set(session->error, "the service's token is not visible ASCII");
    if (token.len == 0)
        return error_set(session->error, "the service's token is empty");
    strbuf_clear(&session->token);
    strbuf_add_slice(&session->token, token);
    return 0;
}

static int get_token(struct session *session)
{
    const struct aws_instance *instance = session->instance;
    const struct http_client_header ttl = {"X-aws-ec2-metadata-token-ttl-seconds",
                                           slice_str("21600")};
    unsigned attempts =
        number_in(instance->environment, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, ATTEMPTS_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    int result;

    http_client_answer_init(&answer, TOKEN_MAX, true);
    for (unsigned n = 1;; n++) {
        result = ask(session, "PUT", "/latest/api/token", &ttl, &answer);
        if (result != HTTP_CLIENT_NO_ANSWER || n >= attempts ||
            !instance->timing->wait(instance->timing->context, ATTEMPT_PAUSE_MS))
            break;
    }
    if (result == HTTP_CLIENT_NO_ANSWER) {
        (void)error_prefix(session->error, "no answer (a pod needs a hop limit of 2)");
        return AWS_INSTANCE_ABSENT;
    }
    return result < 0 ? -1 : take_token(session, &answer);
}

/* GET with the token; a stale one is replaced once. */
static int get(struct session *session, const char *path, struct http_client_answer *answer)
{
    for (bool renewed = false;; renewed = true) {
        const struct http_client_header token = {"X-aws-ec2-metadata-token",
                                                 strbuf_slice(&session->token)};
        int result = ask(session, "GET", path, &token, answer);

        if (result != 0)
            return -1;
        if (answer->status != 401 || renewed)
            break;
        result = get_token(session);
        if (result != 0)
            return result;
    }
    if (answer->status == 404) {
        (void)error_set(session->error, "%s is not there (HTTP 404)", path);
        return AWS_INSTANCE_ABSENT;
    }
    if (answer->status != 200)
        return error_set(session->error, "HTTP %d for %s", answer->status, path);
    return 0;
}

static void session_fini(struct session *session)
{
    strbuf_fini(&session->base);
    strbuf_fini(&session->token);
}
#define SESSION_CLEANUP __attribute__((cleanup(session_fini)))

static int session_start(struct session *session, const struct aws_instance *instance,
                         struct error *error)
{
    *session = (struct session){
        .instance = instance,
        .base = STRBUF_INIT(URL_MAX),
        .token = STRBUF_SECRET_INIT(TOKEN_MAX),
        .error = error,
    };
    if (environment_is_true(instance->environment, "AWS_EC2_METADATA_DISABLED")) {
        (void)error_set(error, "switched off by AWS_EC2_METADATA_DISABLED");
        return AWS_INSTANCE_ABSENT;
    }
    return find_base(session) < 0 ? -1 : get_token(session);
}

/* The first line, if it is the name of a role. */
static int take_role(struct slice text, char path[static sizeof(ROLES) + ROLE_MAX],
                     struct error *error)
{
    struct slice role = slice_of(text.ptr, slice_find(text, '\n'));

    if (slice_ends_with(role, slice_str("\r")))
        role.len--;
    if (role.len == 0 || role.len > ROLE_MAX)
        return error_set(error, "the service names no role");
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            (c == '\0' || !strchr("_+=,.@-", c)))
            return error_set(error, "the service's role has an odd name");
    }
    (void)snprintf(path, sizeof(ROLES) + ROLE_MAX, ROLES "%.*s", SLICE_FMT(role));
    return 0;
}

int aws_instance_keys(const struct aws_instance *instance, struct aws_keys *keys,
                      struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    SESSION_CLEANUP struct session session;
    char path[sizeof(ROLES) + ROLE_MAX];
    int result;

    http_client_answer_init(&answer, ANSWER_MAX, true);
    result = session_start(&session, instance, error);
    if (result == 0)
        result = get(&session, ROLES, &answer);
    if (result == 0)
        result = take_role(strbuf_slice(&answer.body), path, error);
    if (result == 0)
        result = get(&session, path, &answer);
    if (result == 0)
        result = credentials_decode_instance(keys, strbuf_slice(&answer.body), error);
    return result;
}

int aws_instance_region(const struct aws_instance *instance, struct strbuf *region,
                        struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    SESSION_CLEANUP struct session session;
    int result;

    http_client_answer_init(&answer, ANSWER_MAX, false);
    result = session_start(&session, instance, error);
    if (result == 0)
        result = get(&session, "/latest/meta-data/placement/region", &answer);
    if (result == 0)
        strbuf_add_slice(region, strbuf_slice(&answer.body));
    return result;
}
