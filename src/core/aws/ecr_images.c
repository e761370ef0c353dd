/*
 * Requests are written member by member; answers are read by json_fields, which checks each
 * member that we know. What the caller must not show (the token) goes through secret_json
 * instead.
 */
#include "pullthrough/core/aws/ecr_images.h"

#include "pullthrough/core/aws/secret_json.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

/* Bounds of ours, well over what ECR gives: so that an answer can't grow without end. */
enum { NAME_MAX_BYTES = 512, URI_MAX_BYTES = 2048, TOKEN_MAX_BYTES = 8192, TAGS_MAX = 10000 };

static void add_page(struct json_writer *json, const char *next_token)
{
    json_add_number(json, "maxResults", ECR_IMAGES_MAX);
    json_add_given(json, "nextToken", next_token);
}

void ecr_images_encode_repository(struct strbuf *out, const char *name)
{
    struct json_writer json = json_begin(out, false);

    json_add_array(&json, "repositoryNames");
    json_add_text(&json, NULL, name);
    json_end_all(&json);
}

void ecr_images_encode_repositories(struct strbuf *out, const char *next_token)
{
    struct json_writer json = json_begin(out, false);

    add_page(&json, next_token);
    json_end(&json);
}

/* The array of a page, and whether there is another page. */
static int decode_page(const json_t *root, const char *name, const json_t **list,
                       const char **next_token, struct arena *arena, struct error *error)
{
    const struct json_text_field token = {"nextToken", TOKEN_MAX_BYTES, false, next_token};

    if (!root || json_fields_list(root, name, ECR_IMAGES_MAX, list, error) < 0)
        return -1;
    return json_fields_texts(root, &token, 1, arena, error);
}

/* Seconds with a fraction. It only says what comes first, or is shown: what isn't a time is none.
 */
static int64_t decode_time(const json_t *value)
{
    const double latest = 253402300799.0; /* 9999-12-31 */
    double seconds = json_is_number(value) ? json_number_value(value) : 0;

    return seconds >= 0 && seconds <= latest ? (int64_t)seconds : 0;
}

int ecr_images_decode_repositories(struct ecr_repositories *repositories, struct slice body,
                                   struct arena *arena, struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const json_t *list, *item;
    size_t i;

    *repositories = (struct ecr_repositories){0};
    if (decode_page(root, "repositories", &list, &repositories->next_token, arena, error) < 0)
        return -1;
    repositories->items =
        arena_alloc(arena, json_array_size(list) * sizeof(repositories->items[0]));
    json_array_foreach(list, i, item)
    {
        struct ecr_repository *repository = &repositories->items[i];
        const struct json_text_field fields[] = {
            {"repositoryName", NAME_MAX_BYTES, true, &repository->name},
            {"repositoryUri", URI_MAX_BYTES, false, &repository->uri},
            {"registryId", NAME_MAX_BYTES, false, &repository->registry_id},
        };

        if (json_fields_texts(item, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
            return error_prefix(error, "repositories[%zu]", i);
        repository->created_s = decode_time(json_object_get(item, "createdAt"));
        repositories->n++;
    }
    return 0;
}

void ecr_images_encode_describe(struct strbuf *out, const char *repository, const char *tag,
                                const char *digest)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "repositoryName", repository);
    json_add_array(&json, "imageIds");
    json_add_object(&json, NULL);
    json_add_given(&json, "imageTag", tag);
    json_add_given(&json, "imageDigest", digest);
    json_end_all(&json);
}

/* Tags are an array of texts, which json_fields has no reader for. A NUL within one would end it
 * for whoever prints it. */
static int decode_tags(struct ecr_image *image, const json_t *object, struct arena *arena,
                       struct error *error)
{
    const json_t *list, *item;
    size_t i;

    if (json_fields_list(object, "imageTags", TAGS_MAX, &list, error) < 0)
        return -1;
    image->n_tags = json_array_size(list);
    image->tags = arena_alloc(arena, image->n_tags * sizeof(image->tags[0]));
    json_array_foreach(list, i, item)
    {
        size_t len = json_string_length(item);

        if (len == 0 || len > NAME_MAX_BYTES || strlen(json_string_value(item)) != len)
            return error_set(error, "imageTags[%zu] is not a tag", i);
        image->tags[i] = arena_text(arena, slice_of(json_string_value(item), len));
    }
    return 0;
}

static int decode_image(struct ecr_image *image, const json_t *object, struct arena *arena,
                        struct error *error)
{
    const char *status;
    const struct json_text_field fields[] = {
        {"imageDigest", NAME_MAX_BYTES, true, &image->digest},
        {"imageStatus", NAME_MAX_BYTES, false, &status},
    };
    const json_t *size = json_object_get(object, "imageSizeInBytes");

    if (json_fields_texts(object, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
        return -1;
    image->active = !status[0] || strcmp(status, "ACTIVE") == 0;
    if (size && (!json_is_integer(size) || json_integer_value(size) < 0))
        return error_set(error, "imageSizeInBytes is not a size");
    image->size_bytes = (uint64_t)json_integer_value(size);
    image->pushed_s = decode_time(json_object_get(object, "imagePushedAt"));
    image->pulled_s = decode_time(json_object_get(object, "lastRecordedPullTime"));
    return decode_tags(image, object, arena, error);
}

int ecr_images_decode(struct ecr_images *images, struct slice body, struct arena *arena,
                      struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const json_t *list, *item;
    size_t i;

    *images = (struct ecr_images){0};
    if (decode_page(root, "imageDetails", &list, &images->next_token, arena, error) < 0)
        return -1;
    images->items = arena_alloc(arena, json_array_size(list) * sizeof(images->items[0]));
    json_array_foreach(list, i, item)
    {
        if (decode_image(&images->items[i], item, arena, error) < 0)
            return error_prefix(error, "imageDetails[%zu]", i);
        images->n++;
    }
    return 0;
}

void ecr_images_encode_list(struct strbuf *out, const char *repository, const char *next_token)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "repositoryName", repository);
    add_page(&json, next_token);
    /* ECR's default, but what is listed must be what can be pulled. */
    json_add_object(&json, "filter");
    json_add_text(&json, "imageStatus", "ACTIVE");
    json_end_all(&json);
}

int ecr_images_decode_list(struct ecr_image_ids *ids, struct slice body, struct arena *arena,
                           struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    const json_t *list, *item;
    size_t i;

    *ids = (struct ecr_image_ids){0};
    if (decode_page(root, "imageIds", &list, &ids->next_token, arena, error) < 0)
        return -1;
    ids->items = arena_alloc(arena, json_array_size(list) * sizeof(ids->items[0]));
    json_array_foreach(list, i, item)
    {
        const struct json_text_field fields[] = {
            {"imageTag", NAME_MAX_BYTES, false, &ids->items[i].tag},
            {"imageDigest", NAME_MAX_BYTES, true, &ids->items[i].digest},
        };

        if (json_fields_texts(item, fields, sizeof(fields) / sizeof(fields[0]), arena, error) < 0)
            return error_prefix(error, "imageIds[%zu]", i);
        ids->n++;
    }
    return 0;
}

/* The token goes into a header as it is: no line feed may be in it. */
static bool is_base64(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '+' && c != '/' && c != '=')
            return false;
    }
    return text.len > 0;
}

int ecr_images_decode_token(struct strbuf *token, const char **endpoint, struct slice body,
                            struct arena *arena, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    struct slice text, place; /* gone with the JSON, hence the copies */
    struct url url;

    if (secret_json_parse(&json, body, error) < 0 ||
        secret_json_text(json, "authorizationData/0/authorizationToken", &text, error) < 0 ||
        secret_json_text(json, "authorizationData/0/proxyEndpoint", &place, error) < 0)
        return -1;
    if (!is_base64(text))
        return error_set(error, "authorizationData holds no token");
    strbuf_add_slice(token, text);
    if (strbuf_overflowed(token))
        return error_set(error, "the authorization token is too long");
    if (url_parse(&url, place, error) < 0)
        return error_prefix(error, "proxyEndpoint");
    *endpoint = arena_text(arena, place);
    return 0;
}
