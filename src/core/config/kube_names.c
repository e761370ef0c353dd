/*
 * Names by the rules of Kubernetes (apimachinery, pkg/util/validation): IsDNS1123Label,
 * IsDNS1035Label, IsDNS1123Subdomain, IsQualifiedName, IsValidLabelValue.
 */
#include "pullthrough/core/config/kube_names.h"

#include <stdbool.h>

enum {
    DNS_LABEL_MAX = 63,
    DNS_SUBDOMAIN_MAX = 253,
    LABEL_MAX = 63, /* the value, and the key behind its "/" */
};

static bool is_lower_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(char c)
{
    return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z');
}

static bool is_dns_label(struct slice text)
{
    if (text.len == 0 || text.len > DNS_LABEL_MAX || text.ptr[0] == '-' ||
        text.ptr[text.len - 1] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_lower_alphanumeric(text.ptr[i]) && text.ptr[i] != '-')
            return false;
    return true;
}

static bool is_dns_subdomain(struct slice text)
{
    if (text.len > DNS_SUBDOMAIN_MAX)
        return false;
    for (;;) {
        size_t dot = slice_find(text, '.');

        if (!is_dns_label(slice_of(text.ptr, dot)))
            return false;
        if (dot == text.len)
            return true;
        text = slice_from(text, dot + 1);
    }
}

int kube_name_namespace(struct slice text, struct error *error)
{
    if (is_dns_label(text))
        return 0;
    return error_set(error,
                     "a namespace's name is lower-case letters, digits and dashes, at most "
                     "%d bytes (patterns are not known here)",
                     DNS_LABEL_MAX);
}

int kube_name_service(struct slice text, struct error *error)
{
    if (is_dns_label(text) && text.ptr[0] >= 'a')
        return 0;
    return error_set(error,
                     "a Service's name is lower-case letters, digits and dashes, at most %d bytes, "
                     "and begins with a letter",
                     DNS_LABEL_MAX);
}

int kube_name_object(struct slice text, struct error *error)
{
    if (is_dns_subdomain(text))
        return 0;
    return error_set(error,
                     "an object's name is lower-case letters, digits and dashes, maybe joined by "
                     "dots, at most %d bytes",
                     DNS_SUBDOMAIN_MAX);
}

static bool consists_of_label_letters(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alphanumeric(text.ptr[i]) && text.ptr[i] != '-' && text.ptr[i] != '_' &&
            text.ptr[i] != '.')
            return false;
    return true;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9], at most 63 bytes */
static bool is_label_word(struct slice text)
{
    return text.len && text.len <= LABEL_MAX && is_alphanumeric(text.ptr[0]) &&
           is_alphanumeric(text.ptr[text.len - 1]) && consists_of_label_letters(text);
}

int kube_name_label(struct slice text, struct error *error)
{
    size_t slash = slice_find(text, '/');
    struct slice word = slash < text.len ? slice_from(text, slash + 1) : text;

    if (is_label_word(word) && (slash == text.len || is_dns_subdomain(slice_of(text.ptr, slash))))
        return 0;
    return error_set(error,
                     "not a label's key: NAME or DOMAIN/NAME, NAME at most %d of letters, "
                     "digits, \"-\", \"_\" and \".\"",
                     LABEL_MAX);
}

int kube_name_label_value(struct slice text, struct error *error)
{
    if (text.len == 0 || is_label_word(text))
        return 0;
    return error_set(error,
                     "not a label's value: at most %d of letters, digits, \"-\", \"_\" and "
                     "\".\", a letter or digit at both ends",
                     LABEL_MAX);
}
