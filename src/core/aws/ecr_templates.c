/*
 * Templates are read as far as they bear on pulls (what they apply to, tags, encryption, a
 * role). Only the creation of one is written, never a change.
 */
#include "pullthrough/core/aws/ecr_templates.h"

#include "pullthrough/core/aws/ecr_rules.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

enum { NAME_MAX_BYTES = 512, ARN_MAX_BYTES = 4096, TOKEN_MAX_BYTES = 8192, LIST_MAX = 1000 };

void ecr_templates_encode_describe(struct strbuf *out, const char *next_token)
{
    struct json_writer json = json_begin(out, false);

    json_add_number(&json, "maxResults", 50); /* each may carry 40 KiB of policies */
    json_add_given(&json, "nextToken", next_token);
    json_end(&json);
}

void ecr_templates_encode_create(struct strbuf *out, const char *lifecycle_policy,
                                 const char *repository_policy)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "prefix", ECR_ROOT);
    strbuf_add_str(json_add(&json, "appliedFor"), "[\"PULL_THROUGH_CACHE\"]");
    json_add_text(&json, "description", "Pull through cache");
    strbuf_add_str(json_add(&json, "encryptionConfiguration"), "{\"encryptionType\":\"AES256\"}");
    json_add_text(&json, "imageTagMutability", "MUTABLE");
    json_add_given(&json, "lifecyclePolicy", lifecycle_policy);
    json_add_given(&json, "repositoryPolicy", repository_policy);
    json_end(&json);
}

/* ECR: lifecycle policies, "tagStatus":"any" must have the last priority. */
void ecr_templates_print_lifecycle(struct strbuf *out, unsigned untagged_days, unsigned keep_last)
{
    if (untagged_days == 0 && keep_last == 0)
        return;
    strbuf_add_str(out, "{\"rules\":[");
    if (untagged_days > 0)
        strbuf_add_format(out,
                          "{\"rulePriority\":1,\"description\":\"untagged\",\"selection\":"
                          "{\"tagStatus\":\"untagged\",\"countType\":\"sinceImagePushed\","
                          "\"countUnit\":\"days\",\"countNumber\":%u},"
                          "\"action\":{\"type\":\"expire\"}}%s",
                          untagged_days, keep_last > 0 ? "," : "");
    if (keep_last > 0)
        strbuf_add_format(out,
                          "{\"rulePriority\":2,\"description\":\"newest\",\"selection\":"
                          "{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\","
                          "\"countNumber\":%u},\"action\":{\"type\":\"expire\"}}",
                          keep_last);
    strbuf_add_str(out, "]}");
}

static int decode_encryption(struct ecr_template *template, const json_t *object,
                             struct arena *arena, struct error *error)
{
    const json_t *inner = json_object_get(object, "encryptionConfiguration");
    const struct json_text_field field = {"encryptionType", NAME_MAX_BYTES, false,
                                          &template->encryption};

    template->encryption = "";
    return !inner || json_is_null(inner) ? 0 : json_fields_texts(inner, &field, 1, arena, error);
}

static int decode_lists(struct ecr_template *template, const json_t *object, struct error *error)
{
    const json_t *applied, *tags, *item;
    size_t i;

    if (json_fields_list(object, "appliedFor", LIST_MAX, &applied, error) < 0 ||
        json_fields_list(object, "resourceTags", LIST_MAX, &tags, error) < 0)
        return -1;
    template->has_tags = json_array_size(tags) > 0;
    template->for_pull_through = false;
    json_array_foreach(applied, i, item)
    {
        if (!json_is_string(item))
            return error_set(error, "appliedFor[%zu] is not a string", i);
        if (strcmp(json_string_value(item), "PULL_THROUGH_CACHE") == 0)
            template->for_pull_through = true;
    }
    return 0;
}

static bool has_text(const json_t *object, const char *name)
{
    return json_string_length(json_object_get(object, name)) > 0;
}

static int decode_template(struct ecr_template *template, const json_t *object, struct arena *arena,
                           struct error *error)
{
    const struct json_text_field fields[] = {
        {"prefix", NAME_MAX_BYTES, true, &template->prefix},
        {"imageTagMutability", NAME_MAX_BYTES, false, &template->mutability},
        {"customRoleArn", ARN_MAX_BYTES, false, &template->custom_role_arn},
    };

    if (json_fields_texts(object, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0 ||
        decode_encryption(template, object, arena, error) < 0)
        return -1;
    template->has_lifecycle = has_text(object, "lifecyclePolicy");
    template->has_policy = has_text(object, "repositoryPolicy");
    return decode_lists(template, object, error);
}

int ecr_templates_decode_page(struct ecr_templates *templates, struct slice body,
                              struct arena *arena, struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const struct json_text_field fields[] = {
        {"registryId", NAME_MAX_BYTES, false, &templates->registry_id},
        {"nextToken", TOKEN_MAX_BYTES, false, &templates->next_token},
    };
    const json_t *list, *item;
    size_t i;

    if (!root ||
        json_fields_list(root, "repositoryCreationTemplates", ECR_TEMPLATES_MAX - templates->n,
                         &list, error) < 0 ||
        json_fields_texts(root, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
        return -1;
    templates->items =
        arena_realloc(arena, templates->items, templates->n * sizeof(templates->items[0]),
                      (templates->n + json_array_size(list)) * sizeof(templates->items[0]));
    json_array_foreach(list, i, item)
    {
        if (decode_template(&templates->items[templates->n], item, arena, error) < 0)
            return error_prefix(error, "repositoryCreationTemplates[%zu]", i);
        templates->n++;
    }
    return 0;
}
