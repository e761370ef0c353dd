/*
 * What the program's own reader makes of AWS's shared files, for tests that compare it with
 * botocore's:
 *
 *     read_profiles [CREDENTIALS CONFIG PROFILE]...
 *
 * Prints a JSON object a line: {"error": WORDS}, or the profile's way to its credentials.
 */
#include "pullthrough/core/aws/aws_profile_source.h"
#include "pullthrough/core/aws/command_words.h"
#include "pullthrough/edge/sys/file.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 1024 * 1024 };

static const char *const kinds[] = {"none", "keys",  "web-identity", "role",
                                    "sso",  "login", "process"};

static void add(struct strbuf *out, const char *name, struct slice value)
{
    strbuf_add_format(out, "%s\"%s\": ", out->len > 1 ? ", " : "", name);
    strbuf_add_json(out, value);
}

static void add_words(struct strbuf *out, struct slice command)
{
    COMMAND_WORDS_CLEANUP struct command_words words;
    struct error error = {""};

    if (command_words_split(&words, command, &error) < 0) {
        add(out, "words_error", slice_str(error.text));
        return;
    }
    strbuf_add_str(out, ", \"words\": [");
    for (size_t i = 0; i < words.n; i++) {
        strbuf_add_str(out, i ? ", " : "");
        strbuf_add_json(out, slice_str(words.words[i]));
    }
    strbuf_add_char(out, ']');
}

static void add_source(struct strbuf *out, const struct aws_profile_source *source)
{
    char duration[20];

    (void)snprintf(duration, sizeof(duration), "%u", source->duration_s);
    add(out, "kind", slice_str(kinds[source->kind]));
    switch (source->kind) {
    case AWS_PROFILE_NONE: break;
    case AWS_PROFILE_KEYS:
        add(out, "id", source->id);
        add(out, "secret", source->secret);
        add(out, "token", source->token);
        break;
    case AWS_PROFILE_WEB_IDENTITY: add(out, "file", source->file); break;
    case AWS_PROFILE_ROLE:
        add(out, "role_arn", source->role_arn);
        add(out, "source_profile", source->source_profile);
        add(out, "credential_source", source->credential_source);
        add(out, "external_id", source->external_id);
        add(out, "mfa_serial", source->mfa_serial);
        add(out, "role_session_name", source->session);
        add(out, "duration_seconds", slice_str(source->duration_s ? duration : ""));
        break;
    case AWS_PROFILE_SSO:
        add(out, "sso_session", source->sso_session);
        add(out, "sso_start_url", source->sso_start_url);
        add(out, "sso_region", source->sso_region);
        add(out, "sso_account_id", source->sso_account);
        add(out, "sso_role_name", source->sso_role);
        break;
    case AWS_PROFILE_LOGIN: add(out, "login_session", source->login_session); break;
    case AWS_PROFILE_PROCESS: add_words(out, source->command); break;
    }
}

static void print(const char *credentials_path, const char *config_path, const char *profile)
{
    STRBUF_CLEANUP struct strbuf credentials = STRBUF_INIT(AWS_PROFILE_FILE_MAX);
    STRBUF_CLEANUP struct strbuf config = STRBUF_INIT(AWS_PROFILE_FILE_MAX);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(LINE_MAX_BYTES);
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = NULL;
    struct aws_profile_source source;
    struct error error = {""};

    strbuf_add_char(&out, '{');
    if (file_read(credentials_path, &credentials, &error) < 0 ||
        file_read(config_path, &config, &error) < 0 ||
        aws_profiles_new(&profiles, strbuf_slice(&credentials), strbuf_slice(&config), &error) <
            0 ||
        aws_profiles_source(profiles, slice_str(profile), false, &source, &error) < 0)
        add(&out, "error", slice_str(error.text));
    else if (!aws_profiles_has(profiles, slice_str(profile)))
        add(&out, "error", slice_str("the profile is in neither"));
    else
        add_source(&out, &source);
    (void)printf("%s}\n", strbuf_str(&out));
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 2 < argc; i += 3)
        print(argv[i], argv[i + 1], argv[i + 2]);
    return 0;
}
