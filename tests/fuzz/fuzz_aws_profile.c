/*
 * Any bytes as the shared files of AWS's tools: refused with the line, or read; then whatever is
 * asked lies in the text and on one line. A byte 0xff parts the credentials from the config.
 */
#include "fuzz.h"

#include "pullthrough/core/aws/aws_profile_source.h"
#include "pullthrough/core/aws/command_words.h"

static void check_line(struct slice text)
{
    FUZZ_ASSERT(slice_find(text, '\n') == text.len && slice_find(text, '\0') == text.len);
}

/* As many bytes as there were, or fewer, in words. */
static void check_command(struct slice command)
{
    COMMAND_WORDS_CLEANUP struct command_words words;
    struct error error = {""};
    size_t bytes = 0;

    if (command_words_split(&words, command, &error) < 0) {
        FUZZ_ASSERT(error.text[0]);
        return;
    }
    for (size_t i = 0; i < words.n; i++)
        bytes += strlen(words.words[i]);
    FUZZ_ASSERT(words.n > 0 && words.words[0][0] && bytes <= command.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const profiles_asked[] = {"default", "p", "two words"};
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct slice credentials = slice_of((const char *)data, size), config = {0};
    size_t border = slice_find(credentials, (char)0xff);
    struct error error = {""};

    if (border < size) {
        config = slice_from(credentials, border + 1);
        credentials.len = border;
    }
    if (aws_profiles_new(&profiles, credentials, config, &error) < 0) {
        FUZZ_ASSERT(slice_starts_with(slice_str(error.text), slice_str("credentials:")) ||
                    slice_starts_with(slice_str(error.text), slice_str("config:")));
        return 0;
    }
    for (size_t i = 0; i < sizeof(profiles_asked) / sizeof(profiles_asked[0]); i++) {
        struct slice profile = slice_str(profiles_asked[i]);
        struct aws_profile_source source;

        check_line(aws_profiles_get(profiles, profile, NULL, "region"));
        check_line(aws_profiles_get(profiles, profile, "s3", "max_queue_size"));
        check_line(aws_profiles_endpoint(profiles, profile, "ecr"));
        if (aws_profiles_source(profiles, profile, i == 1, &source, &error) < 0)
            continue;
        check_command(source.command);
        check_line(source.id);
        check_line(source.secret);
        FUZZ_ASSERT(source.kind != AWS_PROFILE_KEYS ||
                    (source.id.len > 0 && source.secret.len > 0));
        FUZZ_ASSERT(source.kind == AWS_PROFILE_NONE || aws_profiles_has(profiles, profile));
    }
    return 0;
}
