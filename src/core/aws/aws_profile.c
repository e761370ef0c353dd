/*
 * A list of entries, each a few slices into one wiped copy of a file. Looked up by walking the
 * list: these files are small and read once.
 */
#include "pullthrough/core/aws/aws_profile.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdlib.h>

enum file_kind { CREDENTIALS, CONFIG };
enum section_kind { SECTION_OTHER, SECTION_PROFILE, SECTION_SERVICES };

struct entry {
    enum file_kind file;
    enum section_kind section;
    bool explicit_profile; /* "[profile default]", which beats "[default]" */
    struct slice name;     /* of the profile or services section */
    struct slice block;    /* of a nested block, or empty */
    struct slice key;      /* empty: the section's own line */
    struct slice value;
};

struct aws_profiles {
    struct strbuf texts[2];
    struct entry *entries;
    size_t n, size;
};

struct reader {
    struct aws_profiles *profiles;
    enum file_kind file;
    struct entry section; /* the section that we are in; no key */
    bool in_section;
    struct slice parent; /* the key that an indented line belongs to */
    bool parent_is_block;
    size_t line;
    struct error *error;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = slice_from(text, 1);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Without a comment: "#" or ";" at the start or behind a blank. */
static struct slice cut_comment(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.ptr[i] == '#' || line.ptr[i] == ';') && (i == 0 || is_blank(line.ptr[i - 1])))
            return slice_of(line.ptr, i);
    return line;
}

static int fail(const struct reader *reader, const char *message)
{
    return error_set(reader->error, "%s:%zu: %s",
                     reader->file == CREDENTIALS ? "credentials" : "config", reader->line, message);
}

static int add_entry(struct reader *reader, const struct entry *entry)
{
    struct aws_profiles *profiles = reader->profiles;

    if (profiles->n == AWS_PROFILE_ENTRIES_MAX)
        return fail(reader, "too many lines");
    profiles->entries =
        alloc_grown(profiles->entries, profiles->n, &profiles->size, sizeof(profiles->entries[0]));
    profiles->entries[profiles->n++] = *entry;
    return 0;
}

/* The name behind "profile" or "services", maybe quoted. */
static bool take_named(struct slice text, const char *kind, struct slice *name)
{
    struct slice start = slice_str(kind);

    if (!slice_starts_with(text, start) || text.len == start.len || !is_blank(text.ptr[start.len]))
        return false;
    *name = trim(slice_from(text, start.len));
    if (name->len >= 2 && (name->ptr[0] == '"' || name->ptr[0] == '\'') &&
        name->ptr[name->len - 1] == name->ptr[0])
        *name = slice_of(name->ptr + 1, name->len - 2);
    return true;
}

static int take_section(struct reader *reader, struct slice line)
{
    size_t end = slice_find(line, ']');
    struct slice inner;

    if (end == line.len || trim(cut_comment(slice_from(line, end + 1))).len > 0)
        return fail(reader, "a section without its \"]\"");
    inner = trim(slice_of(line.ptr + 1, end - 1));
    if (inner.len == 0)
        return fail(reader, "a section without a name");
    reader->section = (struct entry){.file = reader->file, .name = inner};
    if (reader->file == CONFIG)
        reader->section.explicit_profile = take_named(inner, "profile", &reader->section.name);
    if (reader->file == CREDENTIALS || reader->section.explicit_profile ||
        slice_is(inner, "default"))
        reader->section.section = SECTION_PROFILE;
    else if (take_named(inner, "services", &reader->section.name))
        reader->section.section = SECTION_SERVICES;
    reader->in_section = true;
    reader->parent = (struct slice){0};
    return add_entry(reader, &reader->section);
}

static int take_property(struct reader *reader, struct slice line, bool nested)
{
    struct entry entry = reader->section;
    size_t equals;

    line = cut_comment(line);
    equals = slice_find(line, '=');
    if (!reader->in_section)
        return fail(reader, "a line before the first section");
    if (equals == line.len)
        return fail(reader, "a line that is neither a section nor \"key = value\"");
    entry.key = trim(slice_of(line.ptr, equals));
    entry.value = trim(slice_from(line, equals + 1));
    if (entry.key.len == 0)
        return fail(reader, "a value without a key");
    if (nested) {
        entry.block = reader->parent;
    } else {
        reader->parent = entry.key;
        reader->parent_is_block = entry.value.len == 0;
    }
    return add_entry(reader, &entry);
}

/* An indented line goes with the key above it: into its block if the key has no value of its
 * own; else it continues that value, which none of the values that we read may do. */
static int take_indented(struct reader *reader, struct slice line)
{
    if (reader->parent.len == 0)
        return fail(reader, "an indented line that belongs to nothing");
    if (reader->parent_is_block)
        return take_property(reader, line, true);
    return 0;
}

static int take_line(struct reader *reader, struct slice line)
{
    struct slice text;

    if (slice_ends_with(line, slice_str("\r")))
        line.len--;
    if (slice_find(line, '\0') < line.len)
        return fail(reader, "a NUL byte");
    text = trim(line);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';')
        return 0;
    if (is_blank(line.ptr[0]))
        return take_indented(reader, text);
    return text.ptr[0] == '[' ? take_section(reader, text) : take_property(reader, text, false);
}

static int read_file(struct aws_profiles *profiles, enum file_kind file, struct slice text,
                     struct error *error)
{
    struct reader reader = {.profiles = profiles, .file = file, .error = error};
    struct slice rest;

    profiles->texts[file] = (struct strbuf)STRBUF_SECRET_INIT(AWS_PROFILE_FILE_MAX);
    strbuf_add_slice(&profiles->texts[file], text);
    if (strbuf_overflowed(&profiles->texts[file]))
        return fail(&reader, "the file is too big");
    rest = strbuf_slice(&profiles->texts[file]);
    if (slice_starts_with(rest, slice_str("\xef\xbb\xbf"))) /* a byte order mark */
        rest = slice_from(rest, 3);
    while (rest.len > 0) {
        reader.line++;
        if (take_line(&reader, slice_cut(&rest, '\n')) < 0)
            return -1;
    }
    return 0;
}

int aws_profiles_new(struct aws_profiles **profilesp, struct slice credentials, struct slice config,
                     struct error *error)
{
    AWS_PROFILES_CLEANUP struct aws_profiles *profiles = alloc_zeroed(1, sizeof(*profiles));

    if (read_file(profiles, CREDENTIALS, credentials, error) < 0 ||
        read_file(profiles, CONFIG, config, error) < 0)
        return -1;
    *profilesp = profiles;
    profiles = NULL;
    return 0;
}

void aws_profiles_free(struct aws_profiles *profiles)
{
    if (!profiles)
        return;
    strbuf_fini(&profiles->texts[CREDENTIALS]);
    strbuf_fini(&profiles->texts[CONFIG]);
    free(profiles->entries);
    free(profiles);
}

static bool equals_in_any_case(struct slice a, const char *b)
{
    return a.len == strlen(b) && (a.len == 0 || strncasecmp(a.ptr, b, a.len) == 0);
}

bool aws_profiles_has(const struct aws_profiles *profiles, struct slice profile)
{
    for (size_t i = 0; i < profiles->n; i++)
        if (profiles->entries[i].section == SECTION_PROFILE &&
            slice_equal(profiles->entries[i].name, profile))
            return true;
    return false;
}

/* Which of two entries for the same key counts: the credentials file's before the config file's,
 * "[profile default]" before "[default]", then the later one. */
static bool beats(const struct entry *a, const struct entry *b)
{
    if (a->file != b->file)
        return a->file == CREDENTIALS;
    return a->explicit_profile >= b->explicit_profile;
}

static struct slice find(const struct aws_profiles *profiles, enum section_kind section,
                         struct slice name, const char *block, const char *key)
{
    const struct entry *found = NULL;

    for (size_t i = 0; i < profiles->n; i++) {
        const struct entry *entry = &profiles->entries[i];

        if (entry->section == section && slice_equal(entry->name, name) &&
            equals_in_any_case(entry->block, block) && equals_in_any_case(entry->key, key) &&
            (!found || beats(entry, found)))
            found = entry;
    }
    return found ? found->value : (struct slice){0};
}

struct slice aws_profiles_get(const struct aws_profiles *profiles, struct slice profile,
                              const char *block, const char *key)
{
    return find(profiles, SECTION_PROFILE, profile, block ? block : "", key);
}

struct slice aws_profiles_endpoint(const struct aws_profiles *profiles, struct slice profile,
                                   const char *service)
{
    struct slice services = aws_profiles_get(profiles, profile, NULL, "services");
    struct slice url = {0};

    if (services.len > 0)
        url = find(profiles, SECTION_SERVICES, services, service, "endpoint_url");
    return url.len > 0 ? url : aws_profiles_get(profiles, profile, NULL, "endpoint_url");
}

/* The ways that a user may expect to work and that don't. */
static int refuse_unsupported(const struct aws_profiles *profiles, struct slice profile,
                              struct error *error)
{
    static const char *const keys[] = {"sso_session",      "sso_start_url",      "sso_account_id",
                                       "login_session",    "credential_process", "source_profile",
                                       "credential_source"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (aws_profiles_get(profiles, profile, NULL, keys[i]).len > 0)
            return error_set(error,
                             "profile \"%.*s\" uses %s, which is not supported here; the way out: "
                             "eval \"$(aws configure export-credentials --profile %.*s --format "
                             "env)\"",
                             SLICE_FMT(profile), keys[i], SLICE_FMT(profile));
    return 0;
}

int aws_profiles_source(const struct aws_profiles *profiles, struct slice profile,
                        struct aws_profile_source *source, struct error *error)
{
    *source = (struct aws_profile_source){
        .id = aws_profiles_get(profiles, profile, NULL, "aws_access_key_id"),
        .secret = aws_profiles_get(profiles, profile, NULL, "aws_secret_access_key"),
        .token = aws_profiles_get(profiles, profile, NULL, "aws_session_token"),
        .role_arn = aws_profiles_get(profiles, profile, NULL, "role_arn"),
        .file = aws_profiles_get(profiles, profile, NULL, "web_identity_token_file"),
        .session = aws_profiles_get(profiles, profile, NULL, "role_session_name"),
    };
    if (source->file.len > 0) {
        source->kind = AWS_PROFILE_WEB_IDENTITY;
        if (source->role_arn.len == 0)
            return error_set(error, "profile \"%.*s\" has web_identity_token_file but no role_arn",
                             SLICE_FMT(profile));
        return 0;
    }
    if (source->role_arn.len > 0) {
        if (refuse_unsupported(profiles, profile, error) < 0)
            return -1;
        return error_set(error, "profile \"%.*s\" has a role_arn and no way to assume it",
                         SLICE_FMT(profile));
    }
    if (source->id.len > 0 && source->secret.len > 0) {
        source->kind = AWS_PROFILE_KEYS;
        return 0;
    }
    if (source->id.len > 0 || source->secret.len > 0)
        return error_set(error, "profile \"%.*s\" has only half of a pair of keys",
                         SLICE_FMT(profile));
    return refuse_unsupported(profiles, profile, error);
}
