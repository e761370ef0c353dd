/*
 * Every function has the same steps. Pages are followed to a bound, beyond which the call has
 * failed: half a list would look like rules that are gone.
 */
#include "pullthrough/edge/aws/ecr_client.h"

enum {
    REQUEST_MAX = 128 * 1024, /* a template's policies are the longest */
    SECRET_ANSWER_MAX = 256 * 1024,
};

/* One call; the answer replaces what `answer` holds. */
static int call(const struct ecr_client *client, enum aws_operation operation,
                const struct strbuf *body, struct strbuf *answer)
{
    const struct aws_call wanted = {.operation = operation, .body = strbuf_slice(body)};

    if (strbuf_overflowed(body))
        return error_set(client->error, "%s: the request is too long",
                         aws_operation_name(operation));
    return aws_client_call(client->aws, &wanted, answer, client->failure, client->error);
}

/* A call whose answer says nothing that is needed. */
static int tell(const struct ecr_client *client, enum aws_operation operation,
                const struct strbuf *body)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);

    return call(client, operation, body, &answer);
}

/* What stands in front of the reason why an answer can't be read. */
static int unreadable(const struct ecr_client *client, enum aws_operation operation)
{
    return error_prefix(client->error, "the answer to %s", aws_operation_name(operation));
}

/* The pages of one list: how to ask for a page, how to read it, and where it says that there is
 * another one. */
struct pages {
    enum aws_operation operation;
    void (*encode)(struct strbuf *out, const char *next_token);
    int (*decode)(void *list, struct slice body, struct arena *arena, struct error *error);
    const char *(*next_token)(const void *list);
};

static int read_pages(const struct ecr_client *client, const struct pages *pages, void *list)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    const char *token = "";

    for (unsigned n = 0; n < ECR_CLIENT_PAGES_MAX; n++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
        int result;

        pages->encode(&body, token);
        result = call(client, pages->operation, &body, &answer);
        if (result != 0)
            return result;
        if (pages->decode(list, strbuf_slice(&answer), client->arena, client->error) < 0)
            return unreadable(client, pages->operation);
        token = pages->next_token(list);
        if (!token[0])
            return 0;
    }
    return error_set(client->error, "%s has over %d pages", aws_operation_name(pages->operation),
                     ECR_CLIENT_PAGES_MAX);
}

static int decode_rules(void *list, struct slice body, struct arena *arena, struct error *error)
{
    return ecr_rules_decode_page(list, body, arena, error);
}

static const char *next_rules(const void *list)
{
    return ((const struct ecr_rules *)list)->next_token;
}

int ecr_client_rules(const struct ecr_client *client, struct ecr_rules *rules)
{
    static const struct pages pages = {AWS_DESCRIBE_RULES, ecr_rules_encode_describe, decode_rules,
                                       next_rules};

    *rules = (struct ecr_rules){0};
    return read_pages(client, &pages, rules);
}

static int decode_templates(void *list, struct slice body, struct arena *arena, struct error *error)
{
    return ecr_templates_decode_page(list, body, arena, error);
}

static const char *next_templates(const void *list)
{
    return ((const struct ecr_templates *)list)->next_token;
}

int ecr_client_templates(const struct ecr_client *client, struct ecr_templates *templates)
{
    static const struct pages pages = {AWS_DESCRIBE_TEMPLATES, ecr_templates_encode_describe,
                                       decode_templates, next_templates};

    *templates = (struct ecr_templates){0};
    return read_pages(client, &pages, templates);
}

int ecr_client_create_rule(const struct ecr_client *client, const char *prefix,
                           const char *upstream_url, const char *credential_arn)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_create(&body, prefix, upstream_url, credential_arn);
    return tell(client, AWS_CREATE_RULE, &body);
}

int ecr_client_update_rule(const struct ecr_client *client, const char *prefix,
                           const char *credential_arn)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_update(&body, prefix, credential_arn);
    return tell(client, AWS_UPDATE_RULE, &body);
}

int ecr_client_delete_rule(const struct ecr_client *client, const char *prefix)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_prefix(&body, prefix);
    return tell(client, AWS_DELETE_RULE, &body);
}

int ecr_client_validate_rule(const struct ecr_client *client, const char *prefix,
                             struct ecr_validation *validation)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    ecr_rules_encode_prefix(&body, prefix);
    result = call(client, AWS_VALIDATE_RULE, &body, &answer);
    if (result == 0 && ecr_rules_decode_validation(validation, strbuf_slice(&answer), client->arena,
                                                   client->error) < 0)
        return unreadable(client, AWS_VALIDATE_RULE);
    return result;
}

int ecr_client_create_template(const struct ecr_client *client, const char *lifecycle_policy,
                               const char *repository_policy)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_templates_encode_create(&body, lifecycle_policy, repository_policy);
    return tell(client, AWS_CREATE_TEMPLATE, &body);
}

int ecr_client_scanning(const struct ecr_client *client, struct ecr_scanning *scanning)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    strbuf_add_str(&body, "{}");
    result = call(client, AWS_GET_SCANNING, &body, &answer);
    if (result == 0 &&
        ecr_scanning_decode(scanning, strbuf_slice(&answer), client->arena, client->error) < 0)
        return unreadable(client, AWS_GET_SCANNING);
    return result;
}

int ecr_client_put_scanning(const struct ecr_client *client, const struct ecr_scanning *scanning)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_scanning_encode(&body, scanning);
    return tell(client, AWS_PUT_SCANNING, &body);
}

static int describe_images(const struct ecr_client *client, const struct strbuf *body,
                           struct ecr_images *images)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    int result = call(client, AWS_DESCRIBE_IMAGES, body, &answer);

    if (result == 0 &&
        ecr_images_decode(images, strbuf_slice(&answer), client->arena, client->error) < 0)
        return unreadable(client, AWS_DESCRIBE_IMAGES);
    return result;
}

int ecr_client_image(const struct ecr_client *client, const char *repository, const char *tag,
                     const char *digest, struct ecr_images *images)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_images_encode_describe(&body, repository, tag, digest);
    return describe_images(client, &body, images);
}

int ecr_client_list_images(const struct ecr_client *client, const char *repository,
                           const char *next_token, struct ecr_image_ids *ids)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    ecr_images_encode_list(&body, repository, next_token);
    result = call(client, AWS_LIST_IMAGES, &body, &answer);
    if (result == 0 &&
        ecr_images_decode_list(ids, strbuf_slice(&answer), client->arena, client->error) < 0)
        return unreadable(client, AWS_LIST_IMAGES);
    return result;
}

int ecr_client_images(const struct ecr_client *client, const char *repository,
                      const char *next_token, struct ecr_images *images)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_images_encode_list(&body, repository, next_token);
    return describe_images(client, &body, images);
}

static int describe_repositories(const struct ecr_client *client, const struct strbuf *body,
                                 struct ecr_repositories *repositories)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    int result = call(client, AWS_DESCRIBE_REPOSITORIES, body, &answer);

    if (result == 0 && ecr_images_decode_repositories(repositories, strbuf_slice(&answer),
                                                      client->arena, client->error) < 0)
        return unreadable(client, AWS_DESCRIBE_REPOSITORIES);
    return result;
}

int ecr_client_list_repositories(const struct ecr_client *client, const char *next_token,
                                 struct ecr_repositories *repositories)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_images_encode_repositories(&body, next_token);
    return describe_repositories(client, &body, repositories);
}

int ecr_client_repository(const struct ecr_client *client, const char *name,
                          struct ecr_repositories *repositories)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_images_encode_repository(&body, name);
    return describe_repositories(client, &body, repositories);
}

int ecr_client_login(const struct ecr_client *client, struct strbuf *token, const char **endpoint)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(SECRET_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    strbuf_add_str(&body, "{}");
    result = call(client, AWS_GET_LOGIN, &body, &answer);
    if (result == 0 && ecr_images_decode_token(token, endpoint, strbuf_slice(&answer),
                                               client->arena, client->error) < 0)
        return unreadable(client, AWS_GET_LOGIN);
    return result;
}

int ecr_client_secret(const struct ecr_client *client, const char *id,
                      struct secret_description *description)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    secrets_encode_id(&body, id);
    result = call(client, AWS_DESCRIBE_SECRET, &body, &answer);
    if (result == 0 && secrets_decode_description(description, strbuf_slice(&answer), client->arena,
                                                  client->error) < 0)
        return unreadable(client, AWS_DESCRIBE_SECRET);
    return result;
}

int ecr_client_check_secret(const struct ecr_client *client, const char *id)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(SECRET_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result, verdict;

    secrets_encode_id(&body, id);
    result = call(client, AWS_GET_SECRET, &body, &answer);
    if (result != 0)
        return result;
    verdict = secrets_check_value(strbuf_slice(&answer), client->error);
    if (verdict < 0)
        return unreadable(client, AWS_GET_SECRET);
    return verdict == SECRETS_VALUE_INVALID ? ECR_CLIENT_SECRET_INVALID : 0;
}

int ecr_client_identity(const struct ecr_client *client, struct sts_identity *identity)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    sts_encode_identity(&body);
    result = call(client, AWS_GET_IDENTITY, &body, &answer);
    if (result == 0 && sts_decode_identity(identity, strbuf_slice(&answer), client->error) < 0)
        return unreadable(client, AWS_GET_IDENTITY);
    return result;
}
