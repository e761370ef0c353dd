/*
 * A configuration as YAML again, by the table of keys: block style, one key a line, so
 * that two of them can be compared with diff.
 * Values that print alike are the same.
 */
#include "pullthrough/core/config/config.h"

#include "config_schema.h"
#include "pullthrough/core/base/yaml_text.h"
#include "pullthrough/core/config/config_values.h"

#include <stdio.h>

enum { INDENT = 2, PATH_MAX_BYTES = 64 };

static void print_mapping(struct strbuf *out, const struct config_mapping *mapping,
                          const void *base, unsigned indent);

static void print_indent(struct strbuf *out, unsigned indent)
{
    while (indent--)
        strbuf_add_char(out, ' ');
}

static void print_text(struct strbuf *out, const char *text)
{
    yaml_text_print(out, slice_str(text));
}

static void print_scalar(struct strbuf *out, const struct config_key *key, const void *base)
{
    bool flag;
    unsigned number = 0;
    size_t bytes;
    uint64_t ms;

    switch (key->kind) {
    case CONFIG_BOOL:
        config_load(base, key->offset, &flag, sizeof(flag));
        strbuf_add_str(out, flag ? "true" : "false");
        break;
    case CONFIG_COUNT:
        config_load(base, key->offset, &number, sizeof(number));
        strbuf_add_u64(out, number);
        break;
    case CONFIG_SIZE:
        config_load(base, key->offset, &bytes, sizeof(bytes));
        config_size_print(out, bytes);
        break;
    case CONFIG_DURATION:
        config_load(base, key->offset, &ms, sizeof(ms));
        config_duration_print(out, ms);
        break;
    case CONFIG_CHOICE:
        config_load(base, key->offset, &number, sizeof(number));
        print_text(out, key->words[number]);
        break;
    default: print_text(out, config_load_pointer(base, key->offset)); break;
    }
}

static void print_texts(struct strbuf *out, const struct config_key *key, const void *base,
                        unsigned indent)
{
    char **texts = config_load_pointer(base, key->offset);

    for (size_t i = 0; i < config_load_count(base, key); i++) {
        print_indent(out, indent);
        strbuf_add_str(out, "- ");
        print_text(out, texts[i]);
        strbuf_add_char(out, '\n');
    }
}

/* The first key of a record stands behind its dash. */
static void print_records(struct strbuf *out, const struct config_key *key, const void *base,
                          unsigned indent)
{
    const char *records = config_load_pointer(base, key->offset);

    for (size_t i = 0; i < config_load_count(base, key); i++) {
        size_t start = out->len;

        print_mapping(out, &key->mapping, records + i * key->record_bytes, indent + INDENT);
        if (out->len > start + indent)
            out->ptr[start + indent] = '-';
    }
}

static void print_rates(struct strbuf *out, const struct config_key *key, const void *base,
                        unsigned indent)
{
    const char *rates = config_load_pointer(base, key->offset);

    for (size_t i = 0; i < config_load_count(base, key); i++) {
        const char *rate = rates + i * key->record_bytes;

        print_indent(out, indent);
        print_text(out, config_load_pointer(rate, key->mapping.keys[0].offset));
        strbuf_add_str(out, ": ");
        print_scalar(out, &key->mapping.keys[1], rate);
        strbuf_add_char(out, '\n');
    }
}

static void print_key(struct strbuf *out, const struct config_key *key, const void *base,
                      unsigned indent)
{
    bool is_list = key->kind == CONFIG_TEXTS || key->kind == CONFIG_RECORDS;
    bool is_rates = key->kind == CONFIG_RATES;

    if (key->kind == CONFIG_TEXT && !config_load_pointer(base, key->offset))
        return; /* a label's value that may be any */
    print_indent(out, indent);
    strbuf_add_str(out, key->name);
    strbuf_add_char(out, ':');
    if ((is_list || is_rates) && config_load_count(base, key) == 0) {
        strbuf_add_str(out, is_list ? " []\n" : " {}\n");
    } else if (key->kind == CONFIG_SECTION) {
        strbuf_add_char(out, '\n');
        print_mapping(out, &key->mapping, base, indent + INDENT);
    } else if (key->kind == CONFIG_TEXTS) {
        strbuf_add_char(out, '\n');
        print_texts(out, key, base, indent + INDENT);
    } else if (key->kind == CONFIG_RECORDS) {
        strbuf_add_char(out, '\n');
        print_records(out, key, base, indent + INDENT);
    } else if (is_rates) {
        strbuf_add_char(out, '\n');
        print_rates(out, key, base, indent + INDENT);
    } else {
        strbuf_add_char(out, ' ');
        print_scalar(out, key, base);
        strbuf_add_char(out, '\n');
    }
}

static void print_mapping(struct strbuf *out, const struct config_mapping *mapping,
                          const void *base, unsigned indent)
{
    for (size_t i = 0; i < mapping->n_keys; i++)
        print_key(out, &mapping->keys[i], base, indent);
}

void config_print(const struct config *config, struct strbuf *out)
{
    print_mapping(out, &config_schema, config, 0);
}

void config_restart_keys(const struct config *started, const struct config *config,
                         config_key_fn tell, void *context)
{
    for (size_t i = 0; i < config_schema.n_keys; i++) {
        const struct config_mapping *section = &config_schema.keys[i].mapping;
        bool is_section = config_schema.keys[i].kind == CONFIG_SECTION; /* no list of records */

        for (size_t k = 0; is_section && k < section->n_keys; k++) {
            const struct config_key *key = &section->keys[k];
            STRBUF_CLEANUP struct strbuf before = STRBUF_INIT(CONFIG_TEXT_MAX);
            STRBUF_CLEANUP struct strbuf now = STRBUF_INIT(CONFIG_TEXT_MAX);
            char path[PATH_MAX_BYTES];

            if (!key->restart)
                continue;
            print_scalar(&before, key, started);
            print_scalar(&now, key, config);
            (void)snprintf(path, sizeof(path), "%s.%s", config_schema.keys[i].name, key->name);
            if (strcmp(strbuf_str(&before), strbuf_str(&now)) != 0)
                tell(context, path);
        }
    }
}
