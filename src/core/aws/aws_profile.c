/*
 * A list of entries, each a few slices into one wiped copy of a file. Looked up by walking the
 * list: these files are small and read once.
 */
#include "pullthrough/core/aws/aws_profile.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdlib.h>

#define CREDENTIALS AWS_PROFILE_CREDENTIALS
#define CONFIG      AWS_PROFILE_CONFIG
enum section_kind { SECTION_OTHER, SECTION_PROFILE, SECTION_SERVICES, SECTION_SESSION };

struct entry {
    enum aws_profile_file file;
    enum section_kind section;
    bool explicit_profile; /* "[profile default]", which beats "[default]" */
    struct slice name;     /* of the profile, services or sso-session section */
    struct slice block;    /* of a nested block, or empty */
    struct slice key;      /* empty: the section's own line */
    struct slice value;
    struct slice whole; /* the value with what looks like a comment, and the lines that go on with
                           it; empty where something stands between them */
};

struct aws_profiles {
    struct strbuf texts[2];
    struct entry *entries;
    size_t n, size;
};

struct reader {
    struct aws_profiles *profiles;
    enum aws_profile_file file;
    struct entry section; /* the section that we are in; no key */
    bool in_section;
    struct slice parent; /* the key that a line that stands further in belongs to */
    bool parent_is_block;
    bool apart;    /* a comment or an empty line came behind the last value */
    size_t indent; /* of the last line that stood for itself */
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
    else if (take_named(inner, "sso-session", &reader->section.name))
        reader->section.section = SECTION_SESSION;
    reader->in_section = true;
    reader->parent = (struct slice){0};
    return add_entry(reader, &reader->section);
}

/* Where the value begins: behind "=", or ":", which the AWS CLI takes as well. */
static size_t find_separator(struct slice line, bool nested)
{
    size_t equals = slice_find(line, '='), colon = nested ? line.len : slice_find(line, ':');

    return equals < colon ? equals : colon;
}

static int take_property(struct reader *reader, struct slice whole, bool nested)
{
    struct entry entry = reader->section;
    struct slice line = cut_comment(whole);
    size_t separator = find_separator(line, nested);

    if (!reader->in_section)
        return fail(reader, "a line before the first section");
    if (separator == line.len)
        return fail(reader, "a line that is neither a section nor \"key = value\"");
    entry.key = trim(slice_of(line.ptr, separator));
    entry.value = trim(slice_from(line, separator + 1));
    entry.whole = trim(slice_from(whole, separator + 1));
    reader->apart = false;
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

/* A line that stands further in than the key above goes with it: into its block if the key has no
 * value of its own; else it continues that value, which of those that we read only a command may.
 */
static int take_indented(struct reader *reader, struct slice line)
{
    struct entry *last = &reader->profiles->entries[reader->profiles->n - 1];

    if (reader->parent_is_block)
        return take_property(reader, line, true);
    if (reader->apart)
        last->whole = (struct slice){0};
    else if (last->whole.len > 0)
        last->whole.len = (size_t)(line.ptr + line.len - last->whole.ptr);
    return 0;
}

static int take_line(struct reader *reader, struct slice line)
{
    struct slice text;
    size_t indent;

    if (slice_ends_with(line, slice_str("\r")))
        line.len--;
    if (slice_find(line, '\0') < line.len)
        return fail(reader, "a NUL byte");
    text = trim(line);
    if (text.len == 0 || text.ptr[0] == '#' || text.ptr[0] == ';') {
        reader->apart = true;
        return 0;
    }
    indent = (size_t)(text.ptr - line.ptr);
    if (reader->parent.len > 0 && indent > reader->indent)
        return take_indented(reader, text);
    reader->indent = indent;
    return text.ptr[0] == '[' ? take_section(reader, text) : take_property(reader, text, false);
}

static int read_file(struct aws_profiles *profiles, enum aws_profile_file file, struct slice text,
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

static bool has_section(const struct aws_profiles *profiles, enum section_kind section,
                        struct slice name)
{
    for (size_t i = 0; i < profiles->n; i++)
        if (profiles->entries[i].section == section && slice_equal(profiles->entries[i].name, name))
            return true;
    return false;
}

/* Of several sections of one name the first; entry number i. */
static bool begins_profile(const struct aws_profiles *profiles, size_t i)
{
    const struct entry *entry = &profiles->entries[i];

    if (entry->section != SECTION_PROFILE || entry->key.len > 0)
        return false;
    for (size_t k = 0; k < i; k++)
        if (profiles->entries[k].section == SECTION_PROFILE && profiles->entries[k].key.len == 0 &&
            slice_equal(profiles->entries[k].name, entry->name))
            return false;
    return true;
}

bool aws_profiles_at(const struct aws_profiles *profiles, size_t i, struct slice *name)
{
    for (size_t k = 0; k < profiles->n; k++)
        if (begins_profile(profiles, k) && i-- == 0) {
            *name = profiles->entries[k].name;
            return true;
        }
    return false;
}

bool aws_profiles_has(const struct aws_profiles *profiles, struct slice profile)
{
    return has_section(profiles, SECTION_PROFILE, profile);
}

bool aws_profiles_has_session(const struct aws_profiles *profiles, struct slice session)
{
    return has_section(profiles, SECTION_SESSION, session);
}

/* Which of two entries for the same key counts: the credentials file's before the config file's,
 * "[profile default]" before "[default]", then the later one. */
static bool beats(const struct entry *a, const struct entry *b)
{
    if (a->file != b->file)
        return a->file == CREDENTIALS;
    return a->explicit_profile >= b->explicit_profile;
}

struct wanted {
    enum section_kind section;
    struct slice name;
    const char *block, *key;
    bool one_file;
    enum aws_profile_file file;
};

static const struct entry *find(const struct aws_profiles *profiles, const struct wanted *wanted)
{
    const struct entry *found = NULL;

    for (size_t i = 0; i < profiles->n; i++) {
        const struct entry *entry = &profiles->entries[i];

        if (entry->section == wanted->section && slice_equal(entry->name, wanted->name) &&
            (!wanted->one_file || entry->file == wanted->file) &&
            equals_in_any_case(entry->block, wanted->block ? wanted->block : "") &&
            equals_in_any_case(entry->key, wanted->key) && (!found || beats(entry, found)))
            found = entry;
    }
    return found;
}

static struct slice value_of(const struct entry *entry)
{
    return entry ? entry->value : (struct slice){0};
}

struct slice aws_profiles_get(const struct aws_profiles *profiles, struct slice profile,
                              const char *block, const char *key)
{
    return value_of(find(profiles, &(struct wanted){SECTION_PROFILE, profile, block, key, 0, 0}));
}

struct slice aws_profiles_get_from(const struct aws_profiles *profiles, enum aws_profile_file file,
                                   struct slice profile, const char *key)
{
    return value_of(find(profiles, &(struct wanted){SECTION_PROFILE, profile, "", key, 1, file}));
}

struct slice aws_profiles_get_whole(const struct aws_profiles *profiles, struct slice profile,
                                    const char *key)
{
    const struct entry *entry =
        find(profiles, &(struct wanted){SECTION_PROFILE, profile, "", key, 0, 0});

    return entry ? entry->whole : (struct slice){0};
}

struct slice aws_profiles_get_session(const struct aws_profiles *profiles, struct slice session,
                                      const char *key)
{
    return value_of(find(profiles, &(struct wanted){SECTION_SESSION, session, "", key, 0, 0}));
}

struct slice aws_profiles_endpoint(const struct aws_profiles *profiles, struct slice profile,
                                   const char *service)
{
    struct slice services = aws_profiles_get(profiles, profile, NULL, "services");
    struct slice url = {0};

    if (services.len > 0)
        url = value_of(find(
            profiles, &(struct wanted){SECTION_SERVICES, services, service, "endpoint_url", 0, 0}));
    return url.len > 0 ? url : aws_profiles_get(profiles, profile, NULL, "endpoint_url");
}
