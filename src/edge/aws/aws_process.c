/*
 * What it says on standard error is shown as one line, the end of it, since that is where the
 * reason stands. A program that prints its keys there, too, is not quoted.
 */
#include "aws_process.h"

#include "pullthrough/core/aws/command_words.h"
#include "pullthrough/core/aws/credentials_messages.h"
#include "pullthrough/core/base/redact.h"
#include "pullthrough/edge/sys/child.h"

enum {
    LIMIT_MS = 60 * 1000,
    ANSWER_MAX = 64 * 1024,
    WORDS_MAX = 16 * 1024, /* of standard error, its end, so that a secret's name stands there
                              before it; of which this is shown: */
    SHOWN_MAX = 240,
};

static bool may_be_secret(const struct strbuf *text)
{
    static const char *const words[] = {"secret", "sessiontoken", "session_token", "password"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasestr(strbuf_str(text), words[i]))
            return true;
    return false;
}

/* Its end, on one line. */
static void add_shown(struct strbuf *out, struct slice text)
{
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    if (text.len > SHOWN_MAX) {
        text = slice_from(text, text.len - SHOWN_MAX);
        strbuf_add_str(out, "...");
    }
    for (size_t i = 0; i < text.len; i++)
        strbuf_add_char(
            out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? ' ' : text.ptr[i]);
}

static int describe(const struct strbuf *words, struct error *error)
{
    STRBUF_CLEANUP struct strbuf clean = STRBUF_SECRET_INIT(2 * WORDS_MAX);
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * WORDS_MAX);
    struct error reason = *error;

    if (may_be_secret(words))
        return error_set(error, "%s; what it said may hold a secret", reason.text);
    redact_text(&clean, strbuf_slice(words));
    add_shown(&shown, strbuf_slice(&clean));
    return error_set(error, "%s%s%s", reason.text, shown.len > 0 ? ": " : "", strbuf_str(&shown));
}

static int run(struct slice command, const struct timing *timing, struct aws_keys *keys,
               struct error *error)
{
    COMMAND_WORDS_CLEANUP struct command_words words;
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf said = STRBUF_SECRET_INIT(WORDS_MAX);
    int result = command_words_split(&words, command, error);

    if (result == 0)
        result = child_run(&(struct child){words.words, LIMIT_MS, timing}, &answer, &said, error);
    if (result == CHILD_FAILED)
        return describe(&said, error);
    if (result < 0)
        return -1;
    if (credentials_decode_process(keys, strbuf_slice(&answer), error) < 0)
        return error_prefix(error, "%s", words.words[0]);
    return 0;
}

int aws_process_keys(const struct aws_profile_source *source, struct slice profile,
                     const struct timing *timing, struct aws_keys *keys, struct error *error)
{
    if (run(source->command, timing, keys, error) < 0)
        return error_prefix(error, "profile \"%.*s\": credential_process", SLICE_FMT(profile));
    if (!keys->account[0])
        aws_keys_set_account(keys, source->account);
    return 0;
}
