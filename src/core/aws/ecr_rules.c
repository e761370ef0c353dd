/*
 * Each message is a table of its members, so that reading and refusing are the same for all.
 * Rules are taken as ECR has them: a prefix, an upstream, a credential; what they mean is
 * core/reconcile's.
 */
#include "pullthrough/core/aws/ecr_rules.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

enum {
    NAME_MAX_BYTES = 512,
    ARN_MAX_BYTES = 4096,
    TOKEN_MAX_BYTES = 8192,
    REASON_MAX_BYTES = 8192
};

struct slice ecr_prefix_bare(const char *prefix)
{
    struct slice text = slice_str(prefix);

    if (slice_ends_with(text, slice_str("/")))
        text.len--;
    return text;
}

bool ecr_prefix_is(const char *prefix, const char *other)
{
    return slice_equal(ecr_prefix_bare(prefix), ecr_prefix_bare(other));
}

bool ecr_prefix_covers(const char *prefix, struct slice below)
{
    struct slice start = ecr_prefix_bare(prefix);

    return slice_starts_with(below, start) &&
           (below.len == start.len || below.ptr[start.len] == '/');
}

const struct ecr_rule *ecr_rules_find(const struct ecr_rules *rules, const char *prefix)
{
    for (size_t i = 0; rules && i < rules->n; i++)
        if (ecr_prefix_is(rules->items[i].prefix, prefix))
            return &rules->items[i];
    return NULL;
}

const struct ecr_rule *ecr_rules_serving(const struct ecr_rules *rules, struct slice repository)
{
    const struct ecr_rule *found = NULL;

    for (size_t i = 0; rules && i < rules->n; i++) {
        const struct ecr_rule *rule = &rules->items[i];
        size_t len = ecr_prefix_bare(rule->prefix).len;

        if (strcmp(rule->prefix, ECR_ROOT) != 0 && len < repository.len &&
            ecr_prefix_covers(rule->prefix, repository) &&
            (!found || len > ecr_prefix_bare(found->prefix).len))
            found = rule;
    }
    return found ? found : ecr_rules_find(rules, ECR_ROOT);
}

void ecr_rules_encode_describe(struct strbuf *out, const char *next_token)
{
    struct json_writer json = json_begin(out, false);

    json_add_number(&json, "maxResults", 1000);
    json_add_given(&json, "nextToken", next_token);
    json_end(&json);
}

void ecr_rules_encode_create(struct strbuf *out, const char *prefix, const char *upstream_url,
                             const char *credential_arn)
{
    struct json_writer json = json_begin(out, false);

    json_add_given(&json, "ecrRepositoryPrefix", prefix);
    json_add_given(&json, "upstreamRegistryUrl", upstream_url);
    json_add_given(&json, "credentialArn", credential_arn);
    json_end(&json);
}

void ecr_rules_encode_update(struct strbuf *out, const char *prefix, const char *credential_arn)
{
    struct json_writer json = json_begin(out, false);

    json_add_given(&json, "ecrRepositoryPrefix", prefix);
    json_add_given(&json, "credentialArn", credential_arn);
    json_end(&json);
}

void ecr_rules_encode_prefix(struct strbuf *out, const char *prefix)
{
    struct json_writer json = json_begin(out, false);

    json_add_given(&json, "ecrRepositoryPrefix", prefix);
    json_end(&json);
}

static int decode_rule(struct ecr_rule *rule, const json_t *object, struct arena *arena,
                       struct error *error)
{
    const struct json_text_field fields[] = {
        {"ecrRepositoryPrefix", NAME_MAX_BYTES, true, &rule->prefix},
        {"upstreamRegistryUrl", NAME_MAX_BYTES, true, &rule->upstream_url},
        {"upstreamRepositoryPrefix", NAME_MAX_BYTES, false, &rule->upstream_prefix},
        {"credentialArn", ARN_MAX_BYTES, false, &rule->credential_arn},
        {"customRoleArn", ARN_MAX_BYTES, false, &rule->custom_role_arn},
        {"registryId", NAME_MAX_BYTES, false, &rule->registry_id},
    };

    if (json_fields_texts(object, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
        return -1;
    if (!rule->upstream_prefix[0])
        rule->upstream_prefix = ECR_ROOT;
    return 0;
}

int ecr_rules_decode_page(struct ecr_rules *rules, struct slice body, struct arena *arena,
                          struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const struct json_text_field token = {"nextToken", TOKEN_MAX_BYTES, false, &rules->next_token};
    const json_t *list, *item;
    size_t i;

    if (!root ||
        json_fields_list(root, "pullThroughCacheRules", ECR_RULES_MAX - rules->n, &list, error) <
            0 ||
        json_fields_texts(root, &token, 1, arena, error) < 0)
        return -1;
    rules->items = arena_realloc(arena, rules->items, rules->n * sizeof(rules->items[0]),
                                 (rules->n + json_array_size(list)) * sizeof(rules->items[0]));
    json_array_foreach(list, i, item)
    {
        if (decode_rule(&rules->items[rules->n], item, arena, error) < 0)
            return error_prefix(error, "pullThroughCacheRules[%zu]", i);
        rules->n++;
    }
    return 0;
}

/* The upstream's words may be in it, and so may what it was sent. */
static const char *make_showable(const char *failure, struct arena *arena)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * REASON_MAX_BYTES);

    redact_text(&shown, slice_str(failure));
    return arena_text(arena, strbuf_slice(&shown));
}

int ecr_rules_decode_validation(struct ecr_validation *validation, struct slice body,
                                struct arena *arena, struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const struct json_text_field failure = {"failure", REASON_MAX_BYTES, false,
                                            &validation->failure};

    if (!root || json_fields_bool(root, "isValid", &validation->valid, error) < 0 ||
        json_fields_texts(root, &failure, 1, arena, error) < 0)
        return -1;
    validation->about = ecr_rules_judge_failure(validation->failure);
    validation->failure = make_showable(validation->failure, arena);
    return 0;
}
