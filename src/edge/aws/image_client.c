/*
 * Each call is one of ecr_client or registry_client, and one of image_outcome's words for what came
 * of it. Only the login is kept between calls, and where the lists go on.
 */
#include "pullthrough/edge/aws/image_client.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/aws/registry_client.h"
#include "registry_login.h"

#include <stdlib.h>

enum { HOST_MAX = 512, TOKEN_MAX = 8192 };

struct image_client {
    struct image_client_config config;
    struct strbuf host;
    struct registry_login login;
    /* Of each list the nextToken of the last page; "" for none. */
    struct strbuf ids, images, repositories;
    struct registry_refusal refusal; /* of the last import; status 0: there was none */
};

struct image_client *image_client_new(const struct image_client_config *config)
{
    struct image_client *client = alloc_zeroed(1, sizeof(*client));

    client->config = *config;
    strbuf_init(&client->host, HOST_MAX);
    strbuf_add_str(&client->host, config->host);
    registry_login_init(&client->login);
    strbuf_init(&client->ids, TOKEN_MAX);
    strbuf_init(&client->images, TOKEN_MAX);
    strbuf_init(&client->repositories, TOKEN_MAX);
    return client;
}

void image_client_free(struct image_client *client)
{
    if (!client)
        return;
    registry_login_fini(&client->login);
    strbuf_fini(&client->host);
    strbuf_fini(&client->ids);
    strbuf_fini(&client->images);
    strbuf_fini(&client->repositories);
    free(client);
}

/* Around each use of `aws`. */
static void lock(const struct image_client *client)
{
    if (client->config.lock)
        alloc_must(pthread_mutex_lock(client->config.lock) == 0);
}

static void unlock(const struct image_client *client)
{
    if (client->config.lock)
        alloc_must(pthread_mutex_unlock(client->config.lock) == 0);
}

/* What a call of ecr_client came to. */
static enum image_outcome outcome_of(int result, const struct aws_error *failure)
{
    if (result == 0)
        return IMAGE_THERE;
    return result == AWS_CLIENT_REFUSED ? image_outcome_of_call(failure) : IMAGE_NO_ANSWER;
}

/* Whether the page can be asked for. */
static bool begin_page(struct strbuf *token, unsigned page, struct error *error)
{
    if (page == 0)
        strbuf_clear(token);
    if (page > 0 && token->len == 0)
        (void)error_set(error, "there is no page before this one");
    return page == 0 || token->len > 0;
}

/* Keep where the list goes on, if it ever ends. */
static enum image_outcome end_page(struct strbuf *token, unsigned page, const char *next,
                                   const char *operation, struct error *error)
{
    if (*next && slice_is(strbuf_slice(token), next)) {
        (void)error_set(error, "%s gives the same page again and again", operation);
        return IMAGE_REFUSED;
    }
    if (*next && page + 1 >= IMAGE_CLIENT_PAGES_MAX) {
        (void)error_set(error, "%s has over %d pages", operation, IMAGE_CLIENT_PAGES_MAX);
        return IMAGE_REFUSED;
    }
    strbuf_clear(token);
    strbuf_add_str(token, next);
    return IMAGE_THERE;
}

enum image_outcome image_client_list(struct image_client *client, const char *repository,
                                     unsigned page, struct arena *arena, struct ecr_image_ids *ids,
                                     struct error *error)
{
    struct aws_error failure;
    const struct ecr_client ecr = {client->config.aws, arena, &failure, error};
    int result;

    if (!begin_page(&client->ids, page, error))
        return IMAGE_NO_ANSWER;
    lock(client);
    result = ecr_client_list_images(&ecr, repository, strbuf_str(&client->ids), ids);
    unlock(client);
    if (result != 0)
        return outcome_of(result, &failure);
    return end_page(&client->ids, page, ids->next_token, "ListImages", error);
}

enum image_outcome image_client_images(struct image_client *client, const char *repository,
                                       unsigned page, struct arena *arena,
                                       struct ecr_images *images, struct error *error)
{
    struct aws_error failure;
    const struct ecr_client ecr = {client->config.aws, arena, &failure, error};
    int result;

    if (!begin_page(&client->images, page, error))
        return IMAGE_NO_ANSWER;
    lock(client);
    result = ecr_client_images(&ecr, repository, strbuf_str(&client->images), images);
    unlock(client);
    if (result != 0)
        return outcome_of(result, &failure);
    return end_page(&client->images, page, images->next_token, "DescribeImages", error);
}

enum image_outcome image_client_repositories(struct image_client *client, unsigned page,
                                             struct arena *arena,
                                             struct ecr_repositories *repositories,
                                             struct error *error)
{
    struct strbuf *token = &client->repositories;
    struct aws_error failure;
    const struct ecr_client ecr = {client->config.aws, arena, &failure, error};
    int result;

    if (!begin_page(token, page, error))
        return IMAGE_NO_ANSWER;
    lock(client);
    result = ecr_client_list_repositories(&ecr, strbuf_str(token), repositories);
    unlock(client);
    if (result != 0)
        return outcome_of(result, &failure);
    return end_page(token, page, repositories->next_token, "DescribeRepositories", error);
}

enum image_outcome image_client_describe(struct image_client *client, const char *repository,
                                         const char *tag, const char *digest,
                                         struct image_facts *facts, struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct aws_error failure;
    const struct ecr_client ecr = {client->config.aws, &arena, &failure, error};
    struct ecr_images images;
    size_t len;
    int result;

    arena_init(&arena, 1000);
    *facts = (struct image_facts){.digest = ""};
    lock(client);
    result = ecr_client_image(&ecr, repository, tag, tag[0] ? "" : digest, &images);
    unlock(client);
    if (result != 0)
        return outcome_of(result, &failure);
    if (images.n == 0 || !images.items[0].active) {
        (void)error_set(error, images.n ? "ECR has the image, but it is not ACTIVE"
                                        : "ECR describes no such image");
        facts->archived = images.n > 0;
        return IMAGE_ABSENT;
    }
    len = strlen(images.items[0].digest);
    if (len >= REGISTRY_DIGEST_BYTES) {
        (void)error_set(error, "ECR's digest of the image is not a SHA-256");
        return IMAGE_REFUSED;
    }
    memcpy(facts->digest, images.items[0].digest, len + 1);
    facts->size_bytes = images.items[0].size_bytes;
    return IMAGE_THERE;
}

enum image_outcome image_client_look(struct image_client *client, const char *repository,
                                     const char *tag, const char *digest,
                                     char found[static REGISTRY_DIGEST_BYTES], struct error *error)
{
    struct image_facts facts;
    enum image_outcome outcome =
        image_client_describe(client, repository, tag, digest, &facts, error);

    if (outcome == IMAGE_THERE)
        memcpy(found, facts.digest, sizeof(facts.digest));
    return outcome;
}

/* Whether a login that was kept may be at fault. */
static bool doubts_login(const struct registry_refusal *refusal)
{
    return image_outcome_of_pull(refusal) == IMAGE_DENIED;
}

static enum image_outcome outcome_of_pull(const struct image_client *client, int result,
                                          const struct registry_refusal *refusal,
                                          struct error *error)
{
    const struct timing *timing = client->config.timing;

    if (result == 0)
        return IMAGE_THERE;
    if (result == REGISTRY_CLIENT_REFUSED) {
        (void)error_set(error, "HTTP %d%s%s: %s", refusal->status, *refusal->code ? " " : "",
                        refusal->code,
                        *refusal->message ? refusal->message : "the registry gave no reason");
        return image_outcome_of_pull(refusal);
    }
    return result == -1 && !timing->stopped(timing->context) ? IMAGE_REFUSED : IMAGE_NO_ANSWER;
}

enum image_outcome image_client_import(struct image_client *client, const char *repository,
                                       const char *tag, char found[static REGISTRY_DIGEST_BYTES],
                                       struct error *error)
{
    const struct timing *timing = client->config.timing;
    ARENA_CLEANUP struct arena arena;
    struct aws_error failure;
    const struct ecr_client ecr = {client->config.aws, &arena, &failure, error};
    struct registry_refusal *refusal = &client->refusal;
    struct registry_manifest manifest;
    bool fresh;
    int result;

    arena_init(&arena, 1000);
    do {
        *refusal = (struct registry_refusal){.status = 0};
        lock(client);
        result = registry_login_have(&client->login, &ecr, timing->monotonic_ms(timing->context),
                                     &fresh);
        unlock(client);
        if (result != 0)
            return outcome_of(result, &failure);
        result = registry_client_manifest(client->config.http,
                                          &(struct registry_request){
                                              .host = strbuf_slice(&client->host),
                                              .repository = slice_str(repository),
                                              .reference = slice_str(tag),
                                              .login = strbuf_slice(&client->login.token),
                                              .timeout_ms = IMAGE_CLIENT_IMPORT_MS,
                                          },
                                          &manifest, refusal, error);
        if (result == REGISTRY_CLIENT_REFUSED && doubts_login(refusal))
            registry_login_drop(&client->login);
    } while (client->login.token.len == 0 && !fresh);
    if (result == 0)
        memcpy(found, manifest.digest, sizeof(manifest.digest));
    return outcome_of_pull(client, result, refusal, error);
}

const char *image_client_advice(const struct image_client *client)
{
    return client->refusal.status ? registry_messages_advice(&client->refusal, false) : NULL;
}
