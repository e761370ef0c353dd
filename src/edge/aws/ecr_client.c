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
static int call(const struct ecr_client *client, enum aws_service service, const char *operation,
                const struct strbuf *body, struct strbuf *answer)
{
    const struct aws_call wanted = {
        .service = service,
        .operation = operation,
        .body = strbuf_slice(body),
        .slow = strcmp(operation, "ValidatePullThroughCacheRule") == 0,
    };

    if (strbuf_overflowed(body))
        return error_set(client->error, "%s: the request is too long", operation);
    return aws_client_call(client->aws, &wanted, answer, client->failure, client->error);
}

/* A call whose answer says nothing that is needed. */
static int tell(const struct ecr_client *client, const char *operation, const struct strbuf *body)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);

    return call(client, AWS_ECR, operation, body, &answer);
}

/* What stands in front of the reason why an answer can't be read. */
static int unreadable(const struct ecr_client *client, const char *operation)
{
    return error_prefix(client->error, "the answer to %s", operation);
}

/* The pages of one list: how to ask for a page, how to read it, and where it says that there is
 * another one. */
struct pages {
    const char *operation;
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
        result = call(client, AWS_ECR, pages->operation, &body, &answer);
        if (result != 0)
            return result;
        if (pages->decode(list, strbuf_slice(&answer), client->arena, client->error) < 0)
            return unreadable(client, pages->operation);
        token = pages->next_token(list);
        if (!token[0])
            return 0;
    }
    return error_set(client->error, "%s has over %d pages", pages->operation, ECR_CLIENT_PAGES_MAX);
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
    static const struct pages pages = {"DescribePullThroughCacheRules", ecr_rules_encode_describe,
                                       decode_rules, next_rules};

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
    static const struct pages pages = {"DescribeRepositoryCreationTemplates",
                                       ecr_templates_encode_describe, decode_templates,
                                       next_templates};

    *templates = (struct ecr_templates){0};
    return read_pages(client, &pages, templates);
}

int ecr_client_create_rule(const struct ecr_client *client, const char *prefix,
                           const char *upstream_url, const char *credential_arn)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_create(&body, prefix, upstream_url, credential_arn);
    return tell(client, "CreatePullThroughCacheRule", &body);
}

int ecr_client_update_rule(const struct ecr_client *client, const char *prefix,
                           const char *credential_arn)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_update(&body, prefix, credential_arn);
    return tell(client, "UpdatePullThroughCacheRule", &body);
}

int ecr_client_delete_rule(const struct ecr_client *client, const char *prefix)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_rules_encode_prefix(&body, prefix);
    return tell(client, "DeletePullThroughCacheRule", &body);
}

int ecr_client_validate_rule(const struct ecr_client *client, const char *prefix,
                             struct ecr_validation *validation)
{
    static const char operation[] = "ValidatePullThroughCacheRule";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    ecr_rules_encode_prefix(&body, prefix);
    result = call(client, AWS_ECR, operation, &body, &answer);
    if (result == 0 && ecr_rules_decode_validation(validation, strbuf_slice(&answer), client->arena,
                                                   client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_create_template(const struct ecr_client *client, const char *lifecycle_policy,
                               const char *repository_policy)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_templates_encode_create(&body, lifecycle_policy, repository_policy);
    return tell(client, "CreateRepositoryCreationTemplate", &body);
}

int ecr_client_scanning(const struct ecr_client *client, struct ecr_scanning *scanning)
{
    static const char operation[] = "GetRegistryScanningConfiguration";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    strbuf_add_str(&body, "{}");
    result = call(client, AWS_ECR, operation, &body, &answer);
    if (result == 0 &&
        ecr_scanning_decode(scanning, strbuf_slice(&answer), client->arena, client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_put_scanning(const struct ecr_client *client, const struct ecr_scanning *scanning)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);

    ecr_scanning_encode(&body, scanning);
    return tell(client, "PutRegistryScanningConfiguration", &body);
}

int ecr_client_repository(const struct ecr_client *client, const char *name,
                          struct ecr_repositories *repositories)
{
    static const char operation[] = "DescribeRepositories";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    ecr_images_encode_repository(&body, name);
    result = call(client, AWS_ECR, operation, &body, &answer);
    if (result == 0 && ecr_images_decode_repositories(repositories, strbuf_slice(&answer),
                                                      client->arena, client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_image(const struct ecr_client *client, const char *repository, const char *tag,
                     const char *digest, struct ecr_images *images)
{
    static const char operation[] = "DescribeImages";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    ecr_images_encode_describe(&body, repository, tag, digest);
    result = call(client, AWS_ECR, operation, &body, &answer);
    if (result == 0 &&
        ecr_images_decode(images, strbuf_slice(&answer), client->arena, client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_login(const struct ecr_client *client, struct strbuf *token, const char **endpoint)
{
    static const char operation[] = "GetAuthorizationToken";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(SECRET_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    strbuf_add_str(&body, "{}");
    result = call(client, AWS_ECR, operation, &body, &answer);
    if (result == 0 && ecr_images_decode_token(token, endpoint, strbuf_slice(&answer),
                                               client->arena, client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_secret(const struct ecr_client *client, const char *id,
                      struct secret_description *description)
{
    static const char operation[] = "DescribeSecret";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    secrets_encode_id(&body, id);
    result = call(client, AWS_SECRETS_MANAGER, operation, &body, &answer);
    if (result == 0 && secrets_decode_description(description, strbuf_slice(&answer), client->arena,
                                                  client->error) < 0)
        return unreadable(client, operation);
    return result;
}

int ecr_client_check_secret(const struct ecr_client *client, const char *id)
{
    static const char operation[] = "GetSecretValue";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_SECRET_INIT(SECRET_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result, verdict;

    secrets_encode_id(&body, id);
    result = call(client, AWS_SECRETS_MANAGER, operation, &body, &answer);
    if (result != 0)
        return result;
    verdict = secrets_check_value(strbuf_slice(&answer), client->error);
    if (verdict < 0)
        return unreadable(client, operation);
    return verdict == SECRETS_VALUE_INVALID ? ECR_CLIENT_SECRET_INVALID : 0;
}

int ecr_client_identity(const struct ecr_client *client, struct sts_identity *identity)
{
    static const char operation[] = "GetCallerIdentity";
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(REQUEST_MAX);
    int result;

    sts_encode_identity(&body);
    result = call(client, AWS_STS, operation, &body, &answer);
    if (result == 0 && sts_decode_identity(identity, strbuf_slice(&answer), client->error) < 0)
        return unreadable(client, operation);
    return result;
}
