/*
 * One call, signed with the source's keys. A code of MFA is worth nothing once STS has seen it, so
 * the terminal may show it; it isn't kept.
 */
#include "aws_role.h"

#include "pullthrough/core/aws/sts_messages.h"
#include "pullthrough/edge/sys/terminal.h"

enum { REQUEST_MAX = 16 * 1024, ANSWER_MAX = 64 * 1024, CODE_MAX = 100 };

static int ask_code(const struct aws_role *role, struct strbuf *code, struct error *error)
{
    STRBUF_CLEANUP struct strbuf prompt = STRBUF_INIT(4096);
    struct error why = {""};
    int result;

    strbuf_add_format(&prompt,
                      "\rMFA code for %.*s (profile %.*s): ", SLICE_FMT(role->source->mfa_serial),
                      SLICE_FMT(role->profile));
    result = terminal_ask(strbuf_str(&prompt), code, &why);
    if (result == 0)
        return 0;
    if (result < 0)
        return error_set(error, "the MFA code: %s", why.text);
    return error_set(error,
                     "an MFA code is wanted (mfa_serial), and there is no terminal to ask for it; "
                     "the way out: eval \"$(aws configure export-credentials --profile %.*s "
                     "--format env)\"",
                     SLICE_FMT(role->profile));
}

static int encode(const struct aws_role *role, struct strbuf *body, struct error *error)
{
    STRBUF_CLEANUP struct strbuf session = STRBUF_INIT(100);
    STRBUF_CLEANUP struct strbuf code = STRBUF_SECRET_INIT(CODE_MAX);
    struct sts_role wanted = {
        .role_arn = role->source->role_arn,
        .session = role->source->session,
        .external_id = role->source->external_id,
        .mfa_serial = role->source->mfa_serial,
        .duration_s = role->source->duration_s,
    };

    if (wanted.session.len == 0) {
        strbuf_add_format(&session, "pullthrough-%lld", (long long)aws_sender_now_s(role->sender));
        wanted.session = strbuf_slice(&session);
    }
    if (wanted.mfa_serial.len > 0 && ask_code(role, &code, error) < 0)
        return -1;
    wanted.mfa_code = strbuf_slice(&code);
    return sts_encode_role(body, &wanted, error);
}

int aws_role_keys(const struct aws_role *role, struct aws_keys *keys, struct error *error)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_SECRET_INIT(REQUEST_MAX);
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(ANSWER_MAX);
    struct aws_call call = {.operation = AWS_ASSUME_ROLE_BY_KEYS};
    struct aws_error failure;

    if (encode(role, &body, error) < 0)
        return error_prefix(error, "profile \"%.*s\"", SLICE_FMT(role->profile));
    call.body = strbuf_slice(&body);
    if (aws_sender_send(role->sender, &call, role->by, &answer, &failure, error) != 0 ||
        sts_decode_role(keys, strbuf_slice(&answer), error) < 0) {
        (void)error_prefix(error, "profile \"%.*s\"", SLICE_FMT(role->profile));
        return -1;
    }
    return 0;
}
