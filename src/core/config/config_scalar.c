/*
 * The types of single values. What two YAML readers may take for different things is
 * refused: a bare 1.10 or "on" where a text is wanted, a quoted "true" where a boolean is.
 */
#include "config_scalar.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config_values.h"

static int want_scalar(const struct config_place *place, const struct yaml_node *node,
                       const char *wanted, struct error *error)
{
    if (node->kind == YAML_SCALAR)
        return 0;
    return config_error(place, node, error, "wants %s, not %s", wanted, config_show(node).text);
}

/* Booleans and counts: only as they are, because "true" in quotes is a text everywhere else. */
static int want_bare(const struct config_place *place, const struct yaml_node *node,
                     const char *wanted, struct error *error)
{
    if (want_scalar(place, node, wanted, error))
        return -1;
    if (node->style == YAML_PLAIN)
        return 0;
    return config_error(place, node, error, "wants %s without quotes", wanted);
}

/* A reason of config_values or config_names, with place and value in front. */
static int fail_value(const struct config_place *place, const struct yaml_node *node,
                      struct error *error, const struct error *reason)
{
    return config_error(place, node, error, "%s: %s", config_show(node).text, reason->text);
}

static int read_bool(const struct config_key *key, const struct yaml_node *node, void *base,
                     const struct config_place *place, struct error *error)
{
    struct error reason;
    bool value;

    if (want_bare(place, node, "true or false", error))
        return -1;
    if (config_bool_parse(node->text, &value, &reason))
        return fail_value(place, node, error, &reason);
    config_store(base, key->offset, &value, sizeof(value));
    return 0;
}

static void print_bound(struct strbuf *out, enum config_kind kind, uint64_t value)
{
    if (kind == CONFIG_SIZE)
        config_size_print(out, value);
    else if (kind == CONFIG_DURATION)
        config_duration_print(out, value);
    else
        strbuf_add_u64(out, value);
}

static int check_bounds(const struct config_key *key, const struct yaml_node *node, uint64_t value,
                        const struct config_place *place, struct error *error)
{
    STRBUF_CLEANUP struct strbuf bounds = STRBUF_INIT(100);

    if (value >= key->least && value <= key->most)
        return 0;
    print_bound(&bounds, key->kind, key->least);
    strbuf_add_str(&bounds, " to ");
    print_bound(&bounds, key->kind, key->most);
    return config_error(place, node, error, "%s is out of bounds: %s", config_show(node).text,
                        strbuf_str(&bounds));
}

static int read_number(const struct config_key *key, const struct yaml_node *node, void *base,
                       const struct config_place *place, struct error *error)
{
    struct error reason;
    uint64_t value;
    unsigned count;
    size_t bytes;
    int rc;

    if (key->kind == CONFIG_COUNT) {
        if (want_bare(place, node, "a whole number", error))
            return -1;
        rc = config_count_parse(node->text, &value, &reason);
    } else if (key->kind == CONFIG_SIZE) {
        if (want_scalar(place, node, "a size", error))
            return -1;
        rc = config_size_parse(node->text, &value, &reason);
    } else {
        if (want_scalar(place, node, "a duration", error))
            return -1;
        rc = config_duration_parse(node->text, &value, &reason);
    }
    if (rc)
        return fail_value(place, node, error, &reason);
    if (check_bounds(key, node, value, place, error))
        return -1;
    count = (unsigned)value;
    bytes = (size_t)value;
    switch (key->kind) {
    case CONFIG_COUNT: config_store(base, key->offset, &count, sizeof(count)); break;
    case CONFIG_SIZE: config_store(base, key->offset, &bytes, sizeof(bytes)); break;
    default: config_store(base, key->offset, &value, sizeof(value)); break;
    }
    return 0;
}

/* "a, b or c" */
static void print_words(struct strbuf *out, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (i)
            strbuf_add_str(out, words[i + 1] ? ", " : " or ");
        strbuf_add_str(out, words[i]);
    }
}

static bool is_word(const char *const *words, struct slice text, unsigned *index)
{
    for (*index = 0; words[*index]; (*index)++)
        if (slice_is(text, words[*index]))
            return true;
    return false;
}

static int read_choice(const struct config_key *key, const struct yaml_node *node, void *base,
                       const struct config_place *place, struct error *error)
{
    STRBUF_CLEANUP struct strbuf words = STRBUF_INIT(200);
    unsigned value, ignored;

    print_words(&words, key->words);
    if (want_scalar(place, node, strbuf_str(&words), error))
        return -1;
    if (is_word(key->words, node->text, &value)) {
        config_store(base, key->offset, &value, sizeof(value));
        return 0;
    }
    if (slice_is(node->text, "false") && is_word(key->words, slice_str("off"), &ignored))
        return config_error(place, node, error,
                            "wants off, not false: YAML tools turn a bare off into false, so write "
                            "\"off\" in quotes");
    return config_error(place, node, error, "wants %s, not %s", strbuf_str(&words),
                        config_show(node).text);
}

/* Would break the terminal of whoever sees it, or end a C string early. */
static bool has_control_character(struct slice text, bool lines_ok)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (lines_ok && (c == '\n' || c == '\t'))
            continue;
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

static int check_text(const struct config_key *key, const struct yaml_node *node,
                      const struct config_place *place, struct error *error)
{
    struct error reason;

    if (!yaml_node_is_string(node) && !key->number_ok)
        return config_error(place, node, error,
                            "wants a text: without quotes YAML takes it for a number, a boolean "
                            "or null, so put it in quotes");
    if (has_control_character(node->text, key->lines_ok))
        return config_error(place, node, error, "holds a control character");
    if (node->text.len == 0)
        return key->empty_ok ? 0 : config_error(place, node, error, "must not be empty");
    if (!key->check || key->check(node->text, &reason) == 0)
        return 0;
    if (key->secret)
        return config_error(place, node, error, "%s", reason.text);
    return fail_value(place, node, error, &reason);
}

int config_scalar_text(const struct config_key *key, const struct yaml_node *node, char **text,
                       const struct config_place *place, struct error *error)
{
    if (want_scalar(place, node, "a text", error) || check_text(key, node, place, error))
        return -1;
    *text = alloc_text(node->text);
    return 0;
}

int config_scalar_read(const struct config_key *key, const struct yaml_node *node, void *base,
                       const struct config_place *place, struct error *error)
{
    char *text;

    switch (key->kind) {
    case CONFIG_BOOL: return read_bool(key, node, base, place, error);
    case CONFIG_COUNT:
    case CONFIG_SIZE:
    case CONFIG_DURATION: return read_number(key, node, base, place, error);
    case CONFIG_CHOICE: return read_choice(key, node, base, place, error);
    default: break;
    }
    if (config_scalar_text(key, node, &text, place, error))
        return -1;
    config_store(base, key->offset, &text, sizeof(text));
    return 0;
}
