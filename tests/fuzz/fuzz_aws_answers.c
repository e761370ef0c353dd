/*
 * Any bytes as an answer of AWS: the first byte picks who reads the rest. Each of them refuses
 * with a reason on one line, or gives texts that are safe to print.
 */
#include "fuzz.h"

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/aws/credentials_messages.h"
#include "pullthrough/core/aws/ecr_images.h"
#include "pullthrough/core/aws/ecr_rules.h"
#include "pullthrough/core/aws/ecr_scanning.h"
#include "pullthrough/core/aws/ecr_templates.h"
#include "pullthrough/core/aws/registry_messages.h"
#include "pullthrough/core/aws/secrets_messages.h"
#include "pullthrough/core/aws/sso_messages.h"
#include "pullthrough/core/aws/sts_messages.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/base/url.h"

static void check_printable(const char *text)
{
    for (; *text; text++)
        FUZZ_ASSERT((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_keys(const struct aws_keys *keys)
{
    FUZZ_ASSERT(keys->id[0] && keys->secret[0]);
    for (const char *c = keys->token; *c; c++)
        FUZZ_ASSERT(*c > 0x20 && *c < 0x7f);
    check_printable(keys->id);
    check_printable(keys->secret);
}

static int read_rules(struct slice body, struct arena *arena, struct error *error)
{
    struct ecr_validation validation;
    struct ecr_rules rules = {0};

    if (ecr_rules_decode_validation(&validation, body, arena, error) == 0)
        check_printable(validation.failure);
    if (ecr_rules_decode_page(&rules, body, arena, error) < 0)
        return -1;
    for (size_t i = 0; i < rules.n; i++) {
        FUZZ_ASSERT(rules.items[i].prefix[0] && rules.items[i].upstream_prefix[0]);
        check_printable(rules.items[i].prefix);
        check_printable(rules.items[i].upstream_url);
        check_printable(rules.items[i].credential_arn);
    }
    return 0;
}

static int read_templates(struct slice body, struct arena *arena, struct error *error)
{
    struct ecr_templates templates = {0};

    if (ecr_templates_decode_page(&templates, body, arena, error) < 0)
        return -1;
    for (size_t i = 0; i < templates.n; i++) {
        check_printable(templates.items[i].prefix);
        check_printable(templates.items[i].mutability);
    }
    return 0;
}

static int read_images(struct slice body, struct arena *arena, struct error *error)
{
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(10000);
    struct ecr_repositories repositories;
    struct ecr_image_ids ids;
    struct ecr_images images;
    const char *endpoint;

    if (ecr_images_decode_token(&token, &endpoint, body, arena, error) == 0)
        check_printable(endpoint);
    (void)ecr_images_decode(&images, body, arena, error);
    if (ecr_images_decode_list(&ids, body, arena, error) == 0)
        for (size_t i = 0; i < ids.n; i++) {
            FUZZ_ASSERT(ids.items[i].digest[0]);
            check_printable(ids.items[i].digest);
            check_printable(ids.items[i].tag);
        }
    return ecr_images_decode_repositories(&repositories, body, arena, error);
}

/* What is written back must read as the same. */
static int read_scanning(struct slice body, struct arena *arena, struct error *error)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(1 << 20);
    struct ecr_scanning scanning;

    if (ecr_scanning_decode(&scanning, body, arena, error) < 0)
        return -1;
    if (ecr_scanning_add(&scanning, "quaycache", arena, error) == 0)
        FUZZ_ASSERT(ecr_scanning_add(&scanning, "quaycache", arena, error) ==
                    ECR_SCANNING_UNCHANGED);
    ecr_scanning_encode(&out, &scanning);
    return 0;
}

static int read_secrets(struct slice body, struct arena *arena, struct error *error)
{
    struct secret_description description;

    (void)secrets_check_value(body, error);
    return secrets_decode_description(&description, body, arena, error);
}

static int read_sts(struct slice body, struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct sts_identity identity;

    if (sts_decode_web_identity(&keys, body, error) == 0)
        check_keys(&keys);
    if (sts_decode_role(&keys, body, error) == 0)
        check_keys(&keys);
    return sts_decode_identity(&identity, body, error);
}

static int read_credentials(struct slice body, struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;

    if (credentials_decode_instance(&keys, body, error) == 0)
        check_keys(&keys);
    if (credentials_decode_container(&keys, body, error) < 0)
        return -1;
    check_keys(&keys);
    return 0;
}

/* What is written into the cache must read again. */
static int read_sso(struct slice body, struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    STRBUF_CLEANUP struct strbuf file = STRBUF_SECRET_INIT(1 << 20);
    SSO_TOKEN_CLEANUP struct sso_token old = {0};
    SSO_TOKEN_CLEANUP struct sso_token fresh = {0};

    if (sso_decode_role(&keys, body, error) == 0)
        check_keys(&keys);
    if (sso_decode_login(&keys, body, error) == 0)
        check_keys(&keys);
    if (credentials_decode_process(&keys, body, error) == 0)
        check_keys(&keys);
    if (sso_token_read(&old, body, error) < 0)
        return -1;
    if (sso_refreshed(&file, &old, body, slice_str("u"), slice_str("r"), 0, error) < 0)
        return -1;
    FUZZ_ASSERT(sso_token_read(&fresh, strbuf_slice(&file), error) == 0);
    FUZZ_ASSERT(slice_equal(fresh.access, old.access));
    return 0;
}

static int read_error(struct slice body, struct error *error)
{
    const struct slice secrets[] = {slice_str("TOKEN"), slice_str("SECRET")};
    struct aws_error failure;

    aws_error_decode(&failure, "CreatePullThroughCacheRule",
                     &(struct aws_error_answer){.status = 400, .body = body}, secrets, 2);
    FUZZ_ASSERT(!strstr(failure.message, "TOKEN") && !strstr(failure.message, "SECRET"));
    check_printable(failure.code);
    check_printable(failure.message);
    check_printable(failure.request_id);
    FUZZ_ASSERT(aws_error_class_name(failure.class));
    return aws_error_describe(&failure, "CreatePullThroughCacheRule", error);
}

/* What a registry, or somebody in its place, answers to a pull: of any status. */
static int read_registry(struct slice body, struct error *error)
{
    char digest[REGISTRY_DIGEST_BYTES];
    struct registry_refusal refusal;

    for (int status = 200; status < 600; status += 101) {
        registry_messages_decode(&refusal, status, body);
        check_printable(refusal.code);
        check_printable(refusal.message);
        FUZZ_ASSERT(*registry_messages_advice(&refusal, false));
    }
    if (registry_messages_digest(digest, body, slice_str(""), error) < 0)
        return -1;
    FUZZ_ASSERT(strlen(digest) == REGISTRY_DIGEST_BYTES - 1);
    return registry_messages_digest(digest, body, slice_str(digest), error);
}

/* Texts that stand in headers and in variables. */
static int read_line(struct slice text, struct error *error)
{
    STRBUF_CLEANUP struct strbuf first = STRBUF_INIT(2 * URL_MAX);
    STRBUF_CLEANUP struct strbuf second = STRBUF_INIT(2 * URL_MAX);
    struct url url;
    int64_t seconds;

    if (timestamp_parse_http(text, &seconds, error) == 0)
        FUZZ_ASSERT(seconds >= 0);
    (void)timestamp_parse_rfc3339(text, &seconds, error);
    if (url_parse(&url, text, error) < 0)
        return -1;
    url_print(&url, &first);
    FUZZ_ASSERT(url_parse(&url, strbuf_slice(&first), error) == 0);
    url_print(&url, &second);
    FUZZ_ASSERT(slice_equal(strbuf_slice(&first), strbuf_slice(&second)));
    return 0;
}

static int read_as(uint8_t reader, struct slice body, struct arena *arena, struct error *error)
{
    switch (reader) {
    case 'r': return read_rules(body, arena, error);
    case 't': return read_templates(body, arena, error);
    case 'i': return read_images(body, arena, error);
    case 's': return read_scanning(body, arena, error);
    case 'm': return read_secrets(body, arena, error);
    case 'x': return read_sts(body, error);
    case 'c': return read_credentials(body, error);
    case 'o': return read_sso(body, error);
    case 'g': return read_registry(body, error);
    case 'l': return read_line(body, error);
    default: return read_error(body, error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_CLEANUP struct arena arena = {0};
    struct error error = {""};

    if (size == 0)
        return 0;
    arena_init(&arena, 1000);
    if (read_as(data[0], slice_of((const char *)data + 1, size - 1), &arena, &error) < 0)
        FUZZ_ASSERT(error.text[0]);
    check_printable(error.text);
    return 0;
}
