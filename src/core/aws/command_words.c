/*
 * One pass over the text; the words are written one behind the other into one buffer, which never
 * gets longer than the text and a NUL a word. Bytes mean themselves, whatever their encoding.
 */
#include "pullthrough/core/aws/command_words.h"

#include "pullthrough/core/base/alloc.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

struct splitter {
    struct command_words *words;
    struct slice rest;
    struct error *error;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char take(struct splitter *splitter)
{
    char c = splitter->rest.ptr[0];

    splitter->rest = slice_from(splitter->rest, 1);
    return c;
}

static void put(struct splitter *splitter, char c)
{
    splitter->words->bytes[splitter->words->n_bytes++] = c;
}

/* What stands behind the quote, up to the next one. */
static int take_quoted(struct splitter *splitter, char quote)
{
    while (splitter->rest.len > 0) {
        char c = take(splitter);

        if (c == quote)
            return 0;
        if (c == '\\' && quote == '"' && splitter->rest.len > 0 &&
            (splitter->rest.ptr[0] == '"' || splitter->rest.ptr[0] == '\\'))
            c = take(splitter);
        put(splitter, c);
    }
    return error_set(splitter->error, "a quote has no end");
}

static int take_word(struct splitter *splitter)
{
    while (splitter->rest.len > 0 && !is_blank(splitter->rest.ptr[0])) {
        char c = take(splitter);

        if (c == '"' || c == '\'') {
            if (take_quoted(splitter, c) < 0)
                return -1;
            continue;
        }
        if (c == '\\' && splitter->rest.len == 0)
            return error_set(splitter->error, "it ends in a backslash");
        put(splitter, c == '\\' ? take(splitter) : c);
    }
    put(splitter, '\0');
    return 0;
}

int command_words_split(struct command_words *words, struct slice text, struct error *error)
{
    struct splitter splitter = {words, text, error};

    *words = (struct command_words){0};
    if (text.len > COMMAND_WORDS_BYTES_MAX)
        return error_set(error, "it has over %d bytes", COMMAND_WORDS_BYTES_MAX);
    words->bytes = alloc_zeroed(text.len + COMMAND_WORDS_MAX + 1, 1);
    words->words = alloc_zeroed(COMMAND_WORDS_MAX + 1, sizeof(*words->words));
    for (;;) {
        while (splitter.rest.len > 0 && is_blank(splitter.rest.ptr[0]))
            (void)take(&splitter);
        if (splitter.rest.len == 0)
            break;
        if (words->n == COMMAND_WORDS_MAX)
            return error_set(error, "it has over %d words", COMMAND_WORDS_MAX);
        words->words[words->n++] = words->bytes + words->n_bytes;
        if (take_word(&splitter) < 0)
            return -1;
    }
    return words->n > 0 && *words->words[0] ? 0 : error_set(error, "it names no program");
}

void command_words_fini(struct command_words *words)
{
    if (words->bytes)
        OPENSSL_cleanse(words->bytes, words->n_bytes);
    free(words->bytes);
    free(words->words);
    *words = (struct command_words){0};
}
