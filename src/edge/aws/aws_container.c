/*
 * Where to ask is read from the environment anew each time, the token from its file likewise
 * (EKS exchanges it). An address that may not be asked in the clear is refused before anything
 * is sent.
 */
#include "aws_container.h"

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/aws/credentials_messages.h"
#include "pullthrough/core/base/backoff.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/edge/sys/file.h"

enum {
    ANSWER_MAX = 64 * 1024,
    TOKEN_MAX = 16 * 1024,
    TIMEOUT_MS = 2000,
    ATTEMPTS = 3,
    BASE_MS = 500,
    CAP_MS = 2000,
};

struct place {
    struct strbuf url;
    struct credentials_place kind;
};

/* 0, AWS_CONTAINER_ABSENT or -1. */
static int find_place(struct place *place, const struct environment *environment,
                      struct error *error)
{
    int result = credentials_container_place(
        &place->kind, environment_get(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        environment_get(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI"), &place->url, error);

    if (result == CREDENTIALS_NO_PLACE)
        return AWS_CONTAINER_ABSENT;
    return result < 0 ? error_prefix(error, "the container credential endpoint") : 0;
}

static int read_token(struct strbuf *token, const struct environment *environment,
                      struct error *error)
{
    const char *path = environment_text(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    struct slice text;

    if (path[0]) {
        if (file_read(path, token, error) < 0)
            return error_prefix(error, "the container authorization token");
    } else {
        strbuf_add_slice(token, environment_get(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    }
    if (slice_ends_with(strbuf_slice(token), slice_str("\r\n")))
        strbuf_truncate(token, token->len - 2);
    else if (slice_ends_with(strbuf_slice(token), slice_str("\n")))
        strbuf_truncate(token, token->len - 1);
    text = strbuf_slice(token);
    if (slice_find(text, '\n') < text.len || slice_find(text, '\r') < text.len)
        return error_set(error, "the container authorization token contains a line break");
    if (path[0] && text.len == 0)
        return error_set(error, "the container authorization token file %s is empty", path);
    if (strbuf_overflowed(token))
        return error_set(error, "the container authorization token is too long");
    return 0;
}

static int describe_refusal(const struct http_client_answer *answer, struct slice token,
                            struct error *error)
{
    struct aws_error failure;

    aws_error_decode(
        &failure, "",
        &(struct aws_error_answer){.status = answer->status, .body = strbuf_slice(&answer->body)},
        &token, 1);
    return aws_error_describe(&failure, "the container credential endpoint", error);
}

static int send(const struct aws_container *container, const struct place *place,
                struct slice token, struct http_client_answer *answer, struct error *error)
{
    struct http_client_header headers[2] = {{"Accept", slice_str("application/json")},
                                            {"Authorization", token}};
    int result = http_client_send(container->http,
                                  &(struct http_client_request){
                                      .method = "GET",
                                      .url = strbuf_str(&place->url),
                                      .headers = headers,
                                      .n_headers = token.len > 0 ? 2 : 1,
                                      .connect_ms = TIMEOUT_MS,
                                      .total_ms = TIMEOUT_MS,
                                      .plain = place->kind.plain,
                                      .direct = place->kind.direct,
                                  },
                                  answer, error);

    if (result != 0)
        (void)error_prefix(error, "the container credential endpoint");
    else if (answer->status != 200)
        (void)describe_refusal(answer, token, error);
    return result;
}

/* Ask until there is an answer of status 200. */
static int ask(const struct aws_container *container, const struct place *place, struct slice token,
               struct http_client_answer *answer, struct error *error)
{
    const struct timing *timing = container->timing;

    for (unsigned n = 0;; n++) {
        int result = send(container, place, token, answer, error);
        bool passing = result == HTTP_CLIENT_NO_ANSWER ||
                       (result == 0 && (answer->status == 429 || answer->status >= 500));

        if (result == 0 && answer->status == 200)
            return 0;
        if (!passing || n + 1 == ATTEMPTS ||
            !timing->wait(timing->context,
                          backoff_ms(n, BASE_MS, CAP_MS, timing->random(timing->context))))
            return -1;
    }
}

static void place_fini(struct place *place)
{
    strbuf_fini(&place->url);
}

int aws_container_keys(const struct aws_container *container, struct aws_keys *keys,
                       struct error *error)
{
    __attribute__((cleanup(place_fini))) struct place place = {.url = STRBUF_INIT(URL_MAX + 1)};
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(TOKEN_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    int result;

    http_client_answer_init(&answer, ANSWER_MAX, true);
    result = find_place(&place, container->environment, error);
    if (result != 0)
        return result;
    if (read_token(&token, container->environment, error) < 0 ||
        ask(container, &place, strbuf_slice(&token), &answer, error) < 0)
        return -1;
    if (credentials_decode_container(keys, strbuf_slice(&answer.body), error) < 0)
        return error_prefix(error, "the container credential endpoint");
    return 0;
}
