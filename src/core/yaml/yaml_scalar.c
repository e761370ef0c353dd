/*
 * What a scalar means, as the YAML 1.1 reader of kubectl and the API server takes it
 * (sigs.k8s.io/yaml, goyaml.v2, resolve.go).
 *
 * It refuses to give the value: that a thing is a number is all that anybody asks here.
 */
#include "pullthrough/core/yaml/yaml_tree.h"

static bool is_one_of(struct slice text, const char *const *words)
{
    for (; *words; words++)
        if (slice_is(text, *words))
            return true;
    return false;
}

static bool is_null_word(struct slice text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return is_one_of(text, words);
}

static bool is_bool_word(struct slice text)
{
    static const char *const words[] = {
        "y",    "Y",     "yes",   "Yes",   "YES", "n",  "N",  "no",  "No",  "NO",  "true", "True",
        "TRUE", "false", "False", "FALSE", "on",  "On", "ON", "off", "Off", "OFF", NULL};

    return is_one_of(text, words);
}

static bool is_special_float(struct slice text)
{
    static const char *const words[] = {".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",
                                        ".INF",  "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", NULL};

    return is_one_of(text, words);
}

static bool is_digit(char c, unsigned base)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') < base;
    return base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
}

/* Moves *text behind its digits; how many there were. */
static size_t skip_digits(struct slice *text, unsigned base)
{
    size_t n = 0;

    while (n < text->len && is_digit(text->ptr[n], base))
        n++;
    *text = slice_from(*text, n);
    return n;
}

static bool skip_char(struct slice *text, const char *set)
{
    if (text->len == 0 || text->ptr[0] == '\0' || !strchr(set, text->ptr[0]))
        return false;
    *text = slice_from(*text, 1);
    return true;
}

/* 0x, 0o and 0b; a plain leading zero makes octal, or else a float, so a number anyway. */
static bool is_prefixed_integer(struct slice text)
{
    unsigned base;

    if (text.len < 3 || text.ptr[0] != '0')
        return false;
    switch (text.ptr[1] | 0x20) {
    case 'x': base = 16; break;
    case 'o': base = 8; break;
    case 'b': base = 2; break;
    default: return false;
    }
    text = slice_from(text, 2);
    return skip_digits(&text, base) > 0 && text.len == 0;
}

static bool is_decimal(struct slice text)
{
    size_t digits = skip_digits(&text, 10);

    if (skip_char(&text, "."))
        digits += skip_digits(&text, 10);
    if (digits == 0)
        return false;
    if (!skip_char(&text, "eE"))
        return text.len == 0;
    (void)skip_char(&text, "+-");
    return skip_digits(&text, 10) > 0 && text.len == 0;
}

static bool is_number(struct slice text)
{
    char digits[256]; /* no number that anybody writes is longer */
    size_t n = 0;

    if (is_special_float(text))
        return true;
    if (text.len == 0 || text.len > sizeof(digits) || text.ptr[0] == '_')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '_' || text.ptr[0] == '.') /* underscores don't count, but there */
            digits[n++] = text.ptr[i];
    text = slice_of(digits, n);
    (void)skip_char(&text, "+-");
    return is_prefixed_integer(text) || is_decimal(text);
}

bool yaml_node_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->style == YAML_PLAIN && !node->tagged &&
           is_null_word(node->text);
}

bool yaml_node_is_string(const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR)
        return false;
    if (node->tagged)
        return node->tagged_str;
    return node->style != YAML_PLAIN ||
           (!is_null_word(node->text) && !is_bool_word(node->text) && !is_number(node->text));
}

bool yaml_node_is_merge(const struct yaml_node *key)
{
    if (key->kind != YAML_SCALAR || !slice_is(key->text, "<<"))
        return false;
    return key->tagged ? key->tagged_merge : key->style == YAML_PLAIN;
}
