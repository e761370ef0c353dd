/*
 * Texts from outside: nothing that stands between the first "//" and the last "@" is shown, and of
 * an ARN not even its beginning.
 */
#include "fuzz.h"

#include "pullthrough/core/base/redact.h"

enum { LEAST = 8 }; /* a shorter part may stand elsewhere, too */

static bool holds(struct slice text, struct slice part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part.ptr, part.len);
}

/* What must not be shown; empty where there is nothing, or nothing to tell it by. */
static struct slice find_user(struct slice text)
{
    const char *start = text.len ? memmem(text.ptr, text.len, "//", 2) : NULL;
    size_t at = slice_find_last(text, '@'), begin = start ? (size_t)(start - text.ptr) + 2 : 0;
    struct slice user;

    if (!start || at == text.len || at < begin + LEAST)
        return (struct slice){0};
    user = slice_of(text.ptr + begin, at - begin);
    if (slice_find(user, '*') < user.len || holds(slice_of(text.ptr, begin), user) ||
        holds(slice_from(text, at), user))
        return (struct slice){0};
    return user;
}

static void check_user(struct slice text)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(SIZE_MAX);
    struct slice user = find_user(text);

    redact_text(&shown, text);
    FUZZ_ASSERT(!user.len || !holds(strbuf_slice(&shown), user));
}

static void check_details(struct slice text)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(SIZE_MAX);
    const struct slice known[] = {slice_of(text.ptr, text.len / 2), slice_str("")};
    STRBUF_CLEANUP struct strbuf with_known = STRBUF_INIT(SIZE_MAX);

    redact_details(&shown, text, NULL, 0);
    FUZZ_ASSERT(!holds(strbuf_slice(&shown), slice_str("arn:aws")));
    redact_details(&with_known, text, known, sizeof(known) / sizeof(known[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);

    check_user(text);
    check_details(text);
    return 0;
}
