/*
 * What makes a registry's name: a domain as distribution/reference reads it. Nothing is
 * folded, trimmed or repaired, because references are compared byte by byte.
 */
#include "config_names.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/core/image/image_ref.h"

#include <jansson.h>

enum {
    DOMAIN_MAX = 253, /* RFC 1035: 255 octets on the wire */
    PORT_DIGITS_MAX = 5,
    PATTERN_MAX = 256,
    PATH_MAX_BYTES = 4095,
    POLICY_MAX = 10240,
};

int config_name_account(struct slice text, struct error *error)
{
    return ecr_host_is_account(text) ? 0 : error_set(error, "an AWS account is 12 digits");
}

int config_name_region(struct slice text, struct error *error)
{
    if (ecr_host_is_region(text))
        return 0;
    return error_set(error, "an AWS region is lower-case letters, digits and dashes, such as "
                            "eu-central-1");
}

/* "name:port": the port's digits in *port, empty if there is none. */
static struct slice split_port(struct slice domain, struct slice *port)
{
    size_t colon = slice_find_last(domain, ':');

    *port = slice_of(NULL, 0);
    if (colon == domain.len || domain.ptr[domain.len - 1] == ']')
        return domain;
    *port = slice_from(domain, colon + 1);
    return slice_of(domain.ptr, colon);
}

static bool is_port(struct slice digits)
{
    unsigned value = 0;

    if (digits.len > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        value = value * 10 + (unsigned)(digits.ptr[i] - '0');
    return value >= 1 && value <= UINT16_MAX;
}

/* By asking the parser itself: what it reads from "DOMAIN/a/b" must be DOMAIN. */
static int check_parses_back(struct slice domain, struct error *error)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(DOMAIN_MAX + PORT_DIGITS_MAX + 16);
    struct image_ref ref;

    strbuf_add_slice(&text, domain);
    strbuf_add_str(&text, "/a/b");
    if (image_ref_parse(&ref, strbuf_slice(&text), NULL))
        return error_set(error, "not a domain that an image reference can have");
    if (slice_equal(ref.domain, domain))
        return 0;
    if (slice_is(ref.domain, "docker.io") && slice_find(domain, '.') < domain.len)
        return error_set(error, "image references mean docker.io by it: write docker.io");
    return error_set(error, "not a domain that an image reference can have");
}

int config_name_domain(struct slice text, struct error *error)
{
    struct slice name, port;

    for (size_t i = 0; i + 3 <= text.len; i++)
        if (memcmp(text.ptr + i, "://", 3) == 0)
            return error_set(error, "write only the domain, without a scheme");
    if (slice_find(text, '/') < text.len)
        return error_set(error, "write only the domain, without \"/\" and a path");
    name = split_port(text, &port);
    if (name.len > DOMAIN_MAX)
        return error_set(error, "the domain is over %d bytes", DOMAIN_MAX);
    if (slice_find(text, '.') == text.len && slice_find(text, ':') == text.len &&
        !slice_is(text, "localhost"))
        return error_set(error, "the domain of an image reference has a \".\" or a \":\", or is "
                                "localhost; otherwise it is part of a Docker Hub name");
    if (port.len > PORT_DIGITS_MAX)
        return error_set(error, "a port is 1 to 65535");
    if (check_parses_back(text, error))
        return -1;
    if (port.len && !is_port(port))
        return error_set(error, "a port is 1 to 65535");
    return 0;
}

int config_name_upstream(struct slice text, struct error *error)
{
    if (ecr_host_matches(text))
        return error_set(error, "images of a private ECR registry are in ECR already, so they are "
                                "never rewritten");
    return config_name_domain(text, error);
}

int config_name_url(struct slice text, struct error *error)
{
    for (size_t i = 0; i + 3 <= text.len; i++)
        if (memcmp(text.ptr + i, "://", 3) == 0)
            return error_set(error, "ECR wants the registry's host name alone: leave the scheme "
                                    "out");
    if (slice_find(text, '/') < text.len)
        return error_set(error, "ECR wants the registry's host name alone: leave \"/\" and the "
                                "path out");
    return 0;
}

int config_name_pattern(struct slice text, struct error *error)
{
    if (text.len > PATTERN_MAX)
        return error_set(error, "a pattern is at most %d bytes", PATTERN_MAX);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return error_set(error, "a pattern is printable ASCII without spaces, as image "
                                    "references are");
    return 0;
}

int config_name_listen(struct slice text, struct error *error)
{
    struct slice host;
    uint16_t port;

    return config_address(text, &host, &port, error);
}

int config_name_path(struct slice text, struct error *error)
{
    if (text.len > PATH_MAX_BYTES)
        return error_set(error, "a path is at most %d bytes", PATH_MAX_BYTES);
    return 0;
}

int config_name_policy(struct slice text, struct error *error)
{
    json_error_t where;
    json_t *policy;
    bool is_object;

    if (text.len > POLICY_MAX)
        return error_set(error, "a repository policy has at most %d bytes", POLICY_MAX);
    policy = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!policy)
        return error_set(error, "a repository policy is a JSON object; line %d is wrong",
                         where.line);
    is_object = json_is_object(policy); /* else a list: nothing else is read */
    json_decref(policy);
    if (!is_object)
        return error_set(error, "a repository policy is a JSON object, not a list");
    return 0;
}
