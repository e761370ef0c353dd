/* docs/configuration.md against the table of keys: neither may know a key, a default, a word or
 * a bound that the other doesn't. */
#include "core/config/config_schema.h"
#include "fixture.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/config/config_values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DOCUMENT "../../docs/configuration.md"
enum { DOCUMENT_MAX = 256 * 1024, KEYS_MAX = 100, PATH_MAX_BYTES = 100 };

struct documented_key {
    char path[PATH_MAX_BYTES];
    const struct config_key *key;
};

struct document {
    struct strbuf page;
    const char *text;
    struct documented_key keys[KEYS_MAX];
    size_t n_keys;
};

static void collect(struct document *document, const struct config_mapping *mapping,
                    const char *before)
{
    for (size_t i = 0; i < mapping->n_keys; i++) {
        const struct config_key *key = &mapping->keys[i];
        struct documented_key *entry = &document->keys[document->n_keys];
        char below[PATH_MAX_BYTES + 4];

        assert_true(document->n_keys < KEYS_MAX);
        assert_true(mapping->n_keys <= CONFIG_KEYS_MAX);
        entry->key = key;
        (void)snprintf(entry->path, sizeof(entry->path), "%s%s", before, key->name);
        (void)snprintf(below, sizeof(below), "%s%s.", entry->path,
                       key->kind == CONFIG_RECORDS ? "[]" : "");
        if (key->kind != CONFIG_SECTION)
            document->n_keys++;
        if (key->kind == CONFIG_SECTION || key->kind == CONFIG_RECORDS)
            collect(document, &key->mapping, below);
    }
}

static int set_up(void **state)
{
    struct document *document = calloc(1, sizeof(*document));

    assert_non_null(document);
    document->page = (struct strbuf)STRBUF_INIT(DOCUMENT_MAX);
    assert_true(fixture_read(&document->page, DOCUMENT));
    document->text = strbuf_str(&document->page);
    collect(document, &config_schema, "");
    *state = document;
    return 0;
}

static int tear_down(void **state)
{
    struct document *document = *state;

    strbuf_fini(&document->page);
    free(document);
    return 0;
}

/* What stands between a key's heading and the next one; empty if there is no such heading. */
static struct slice section_of(const struct document *document, const char *path)
{
    char heading[PATH_MAX_BYTES + 10];
    const char *start, *end;

    (void)snprintf(heading, sizeof(heading), "\n### `%s`\n\n", path);
    start = strstr(document->text, heading);
    if (!start)
        return slice_of(NULL, 0);
    start += strlen(heading);
    end = strstr(start, "\n#");
    return slice_of(start, end ? (size_t)(end - start) : strlen(start));
}

static bool contains(struct slice text, const char *wanted)
{
    return memmem(text.ptr, text.len, wanted, strlen(wanted)) != NULL;
}

static void assert_first_line_has(const struct document *document,
                                  const struct documented_key *entry, const char *wanted)
{
    struct slice section = section_of(document, entry->path);

    section.len = slice_find(section, '\n');
    if (!contains(section, wanted))
        fail_msg("%s: no %s in: %.*s", entry->path, wanted, SLICE_FMT(section));
}

static void test_every_key_has_its_default(void **state)
{
    const struct document *document = *state;

    assert_true(document->n_keys > 30);
    for (size_t i = 0; i < document->n_keys; i++) {
        const struct documented_key *entry = &document->keys[i];
        char wanted[300] = "Default: ";

        if (entry->key->required)
            (void)snprintf(wanted, sizeof(wanted), "Required.");
        else if (entry->key->preset)
            (void)snprintf(wanted, sizeof(wanted), "Default: `%s`.", entry->key->preset);
        assert_first_line_has(document, entry, wanted);
    }
}

static void test_every_word_and_bound_is_said(void **state)
{
    const struct document *document = *state;

    for (size_t i = 0; i < document->n_keys; i++) {
        const struct documented_key *entry = &document->keys[i];
        const struct config_key *key = entry->key;
        STRBUF_CLEANUP struct strbuf bounds = STRBUF_INIT(100);
        char wanted[100];

        for (size_t word = 0; key->words && key->words[word]; word++) {
            (void)snprintf(wanted, sizeof(wanted), "`%s`", key->words[word]);
            assert_first_line_has(document, entry, wanted);
        }
        if (key->kind == CONFIG_COUNT)
            strbuf_add_format(&bounds, "`%u` to `%u`", (unsigned)key->least, (unsigned)key->most);
        if (key->kind == CONFIG_SIZE || key->kind == CONFIG_DURATION) {
            void (*print)(struct strbuf *, uint64_t) =
                key->kind == CONFIG_SIZE ? config_size_print : config_duration_print;

            strbuf_add_char(&bounds, '`');
            print(&bounds, key->least);
            strbuf_add_str(&bounds, "` to `");
            print(&bounds, key->most);
            strbuf_add_char(&bounds, '`');
        }
        if (key->kind == CONFIG_RATES)
            strbuf_add_format(&bounds, "`%u` to `%u`", (unsigned)key->mapping.keys[1].least,
                              (unsigned)key->mapping.keys[1].most);
        assert_first_line_has(document, entry, strbuf_str(&bounds));
        if (key->kind == CONFIG_TEXTS || key->kind == CONFIG_RECORDS) {
            (void)snprintf(wanted, sizeof(wanted), "t most %u", (unsigned)key->most);
            if (!contains(section_of(document, entry->path), wanted))
                fail_msg("%s: no a%s", entry->path, wanted);
        }
    }
}

/* config_restart_keys() looks at the scalars of the root's sections, and at nothing below. */
static void test_restarts_are_marked(void **state)
{
    const struct document *document = *state;

    for (size_t i = 0; i < document->n_keys; i++) {
        const struct documented_key *entry = &document->keys[i];
        const char *dot = strchr(entry->path, '.');

        if (contains(section_of(document, entry->path), "Needs a restart.") != entry->key->restart)
            fail_msg("%s: restart", entry->path);
        if (entry->key->restart) {
            assert_true(dot && !strchr(dot + 1, '.'));
            assert_true(entry->key->kind != CONFIG_TEXTS && entry->key->kind != CONFIG_RECORDS);
        }
    }
}

static void test_no_heading_is_of_an_unknown_key(void **state)
{
    const struct document *document = *state;
    size_t headings = 0;

    for (const char *at = strstr(document->text, "\n### `"); at; at = strstr(at, "\n### `")) {
        struct slice path = slice_str(at += strlen("\n### `"));
        bool known = false;

        path.len = slice_find(path, '`');
        for (size_t i = 0; i < document->n_keys; i++)
            known = known || slice_is(path, document->keys[i].path);
        if (!known)
            fail_msg("%.*s: no such key", SLICE_FMT(path));
        headings++;
    }
    assert_int_equal(headings, document->n_keys);
}

static void check_defaults(const struct document *document, const char *at, const char *end)
{
    STRBUF_CLEANUP struct strbuf now = STRBUF_INIT(DOCUMENT_MAX);
    CONFIG_CLEANUP const struct config *config = NULL;

    assert_int_equal(config_parse(&config, slice_of(NULL, 0), NULL), 0);
    strbuf_add(&now, document->text, (size_t)(at - document->text));
    config_print(config, &now);
    strbuf_add_str(&now, end);
    if (!fixture_says(strbuf_slice(&now), DOCUMENT))
        fail_msg("docs/configuration.md: the first block is not what check-config prints");
}

/* The first block is what is printed without a file; the others are examples that hold. */
static void test_yaml_blocks(void **state)
{
    static const char fence[] = "\n```yaml\n";
    const struct document *document = *state;
    size_t blocks = 0;

    for (const char *at = strstr(document->text, fence); at; at = strstr(at, fence)) {
        CONFIG_CLEANUP const struct config *config = NULL;
        const char *end = strstr(at += sizeof(fence) - 1, "\n```\n");
        struct error error = {""};

        assert_non_null(end);
        if (blocks == 0)
            check_defaults(document, at, end + 1);
        else if (config_parse(&config, slice_of(at, (size_t)(end + 1 - at)), &error))
            fail_msg("example %zu: %s", blocks, error.text);
        blocks++;
    }
    assert_true(blocks > 5);
}

/* Each row of the table of registries against what an entry with this registry alone gets. */
static void test_known_registries(void **state)
{
    static const char *const registries[] = {"docker.io", "ghcr.io",        "registry.k8s.io",
                                             "quay.io",   "public.ecr.aws", "registry.gitlab.com",
                                             "cgr.dev"};
    const struct document *document = *state;

    for (size_t i = 0; i < sizeof(registries) / sizeof(registries[0]); i++) {
        STRBUF_CLEANUP struct strbuf yaml = STRBUF_INIT(1000);
        STRBUF_CLEANUP struct strbuf row = STRBUF_INIT(1000);
        CONFIG_CLEANUP const struct config *config = NULL;
        const struct config_upstream *upstream;

        strbuf_add_format(&yaml, "upstreams: [{registry: %s}]", registries[i]);
        assert_int_equal(config_parse(&config, strbuf_slice(&yaml), NULL), 0);
        upstream = &config->upstreams[0];
        strbuf_add_format(&row, "\n| `%s` |", upstream->registry);
        for (size_t j = 0; j < upstream->n_aliases; j++)
            strbuf_add_format(&row, "%s `%s`", j ? "," : "", upstream->aliases[j]);
        strbuf_add_format(&row, " | `%s` | `%s` |", upstream->url, upstream->prefix);
        if (*upstream->secret)
            strbuf_add_format(&row, " `%s`", upstream->secret);
        strbuf_add_str(&row, " |\n");
        if (!strstr(document->text, strbuf_str(&row)))
            fail_msg("no row:%s", strbuf_str(&row));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_has_its_default),
        cmocka_unit_test(test_every_word_and_bound_is_said),
        cmocka_unit_test(test_restarts_are_marked),
        cmocka_unit_test(test_no_heading_is_of_an_unknown_key),
        cmocka_unit_test(test_yaml_blocks),
        cmocka_unit_test(test_known_registries),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
