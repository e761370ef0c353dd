/*
 * The token is read anew for each call, since kubelet exchanges the file. The call to STS is
 * unsigned; the token stands in no message.
 */
#include "aws_web_identity.h"

#include "pullthrough/core/aws/sts_messages.h"
#include "pullthrough/edge/sys/file.h"

enum {
    REQUEST_MAX = 3 * STS_TOKEN_MAX + 16 * 1024, /* escaped */
    ANSWER_MAX = 64 * 1024,
};

static int read_token(const char *path, struct strbuf *token, struct error *error)
{
    if (file_read(path, token, error) < 0)
        return error_prefix(error, "the web identity token");
    while (token->len > 0 && strchr("\r\n", token->ptr[token->len - 1]))
        strbuf_truncate(token, token->len - 1);
    return 0;
}

int aws_web_identity_keys(const struct aws_web_identity *identity, struct aws_sender *sender,
                          struct aws_keys *keys, struct error *error)
{
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(STS_TOKEN_MAX + 2);
    STRBUF_CLEANUP struct strbuf session = STRBUF_INIT(100);
    STRBUF_CLEANUP struct strbuf body = STRBUF_SECRET_INIT(REQUEST_MAX);
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(ANSWER_MAX);
    struct sts_web_identity wanted = {.role_arn = identity->role_arn, .session = identity->session};
    struct aws_call call = {.operation = AWS_ASSUME_ROLE};
    struct aws_error failure;

    if (read_token(identity->token_file, &token, error) < 0)
        return -1;
    if (wanted.session.len == 0) {
        strbuf_add_format(&session, "pullthrough-%lld", (long long)aws_sender_now_s(sender));
        wanted.session = strbuf_slice(&session);
    }
    wanted.token = strbuf_slice(&token);
    if (sts_encode_web_identity(&body, &wanted, error) < 0)
        return -1;
    call.body = strbuf_slice(&body);
    if (aws_sender_send(sender, &call, NULL, &answer, &failure, error) != 0)
        return -1;
    if (sts_decode_web_identity(keys, strbuf_slice(&answer), error) < 0)
        return error_prefix(error, "%s", aws_operation_name(call.operation));
    return 0;
}
