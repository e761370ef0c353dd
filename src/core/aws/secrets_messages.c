/*
 * Two calls: what a secret is like, and what it holds. The value passes secret_json, so no copy
 * of it outlives the look; whether its members are there is all that comes out.
 */
#include "pullthrough/core/aws/secrets_messages.h"

#include "pullthrough/core/aws/secret_json.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

enum { ARN_MAX_BYTES = 4096 };

void secrets_encode_id(struct strbuf *out, const char *id)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "SecretId", id);
    json_end(&json);
}

/* VersionIdsToStages: {"version": ["AWSCURRENT", ...], ...}; left out while there is no value. */
static bool has_current_version(json_t *object)
{
    const char *version;
    json_t *stages, *stage;
    size_t i;

    json_object_foreach(json_object_get(object, "VersionIdsToStages"), version, stages)
    {
        (void)version;
        json_array_foreach(stages, i, stage)
        {
            if (json_is_string(stage) && strcmp(json_string_value(stage), "AWSCURRENT") == 0)
                return true;
        }
    }
    return false;
}

int secrets_decode_description(struct secret_description *description, struct slice body,
                               struct arena *arena, struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const struct json_text_field fields[] = {
        {"ARN", ARN_MAX_BYTES, true, &description->arn},
        {"Name", ARN_MAX_BYTES, false, &description->name},
        {"KmsKeyId", ARN_MAX_BYTES, false, &description->kms_key_id},
    };
    const json_t *deleted;

    if (!root ||
        json_fields_texts(root, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
        return -1;
    deleted = json_object_get(root, "DeletedDate");
    description->deleted = deleted && !json_is_null(deleted);
    description->has_value = has_current_version(root);
    return 0;
}

bool secrets_has_default_key(const struct secret_description *description)
{
    struct slice key = slice_str(description->kms_key_id);

    return key.len == 0 || slice_ends_with(key, slice_str("alias/aws/secretsmanager"));
}

/* A member of the secret's own JSON. */
static int check_member(const struct secret_json *value, const char *name, struct error *error)
{
    struct slice text;
    int result = secret_json_text(value, name, &text, error);

    if (result < 0)
        (void)error_prefix(error, "the secret's value");
    else if (result == SECRET_JSON_ABSENT)
        (void)error_set(error, "the secret's value has no \"%s\"", name);
    else if (text.len == 0)
        (void)error_set(error, "the secret's value has an empty \"%s\"", name);
    else
        return 0;
    return SECRETS_VALUE_INVALID;
}

int secrets_check_value(struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *answer = NULL;
    SECRET_JSON_CLEANUP struct secret_json *value = NULL;
    struct slice text;
    int result;

    if (secret_json_parse(&answer, body, error) < 0)
        return -1;
    result = secret_json_text(answer, "SecretString", &text, error);
    if (result < 0)
        return -1;
    if (result == SECRET_JSON_ABSENT) {
        (void)error_set(error, "the secret's value is binary; ECR wants a JSON text");
        return SECRETS_VALUE_INVALID;
    }
    if (secret_json_parse(&value, text, error) < 0) {
        (void)error_prefix(error, "the secret's value");
        return SECRETS_VALUE_INVALID;
    }
    result = check_member(value, "username", error);
    return result != 0 ? result : check_member(value, "accessToken", error);
}
