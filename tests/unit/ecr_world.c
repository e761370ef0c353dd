#include "ecr_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT "111122223333"
#define ARN     "arn:aws:secretsmanager:us-west-2:" ACCOUNT ":secret:"

enum { ANSWER_MAX = 64 * 1024 };

/* The value of a member that is a text without escapes; "" where there is none. */
static void member(struct slice body, const char *name, char *value, size_t size)
{
    char key[64];
    const char *at;
    int len = snprintf(key, sizeof(key), "\"%s\":\"", name);

    at = memmem(body.ptr, body.len, key, (size_t)len);
    value[0] = '\0';
    if (at) {
        struct slice rest = slice_from(body, (size_t)(at - body.ptr) + (size_t)len);

        rest.len = slice_find(rest, '"');
        if (rest.len >= size)
            abort();
        memcpy(value, rest.ptr, rest.len);
        value[rest.len] = '\0';
    }
}

static void count(struct ecr_world *world, struct slice operation)
{
    size_t i = 0;

    while (i < world->n_operations && !slice_is(operation, world->operations[i].name))
        i++;
    if (i == ECR_WORLD_OPERATIONS_MAX || operation.len >= sizeof(world->operations[i].name))
        abort();
    if (i == world->n_operations) {
        memcpy(world->operations[i].name, operation.ptr, operation.len);
        world->n_operations++;
    }
    world->operations[i].times++;
}

static void add_rule(struct ecr_world *world, const char *prefix, const char *url, const char *arn)
{
    (void)snprintf(world->rules[world->n_rules].prefix, sizeof(world->rules[0].prefix), "%s",
                   prefix);
    (void)snprintf(world->rules[world->n_rules].url, sizeof(world->rules[0].url), "%s", url);
    (void)snprintf(world->rules[world->n_rules].arn, sizeof(world->rules[0].arn), "%s", arn);
    world->n_rules++;
}

static void print_rule(struct ecr_world *world, size_t i)
{
    strbuf_add_format(&world->answer,
                      "{\"ecrRepositoryPrefix\":\"%s\",\"upstreamRegistryUrl\":\"%s\","
                      "\"registryId\":\"" ACCOUNT "\"",
                      world->rules[i].prefix, world->rules[i].url);
    if (world->rules[i].arn[0])
        strbuf_add_format(&world->answer, ",\"credentialArn\":\"%s\"", world->rules[i].arn);
    strbuf_add_char(&world->answer, '}');
}

static int refuse(struct ecr_world *world, const char *code)
{
    strbuf_add_format(&world->answer, "{\"__type\":\"%s\",\"message\":\"no\"}", code);
    return 400;
}

static int create_rule(struct ecr_world *world, struct slice body)
{
    char prefix[31], url[64], arn[200];

    member(body, "ecrRepositoryPrefix", prefix, sizeof(prefix));
    member(body, "upstreamRegistryUrl", url, sizeof(url));
    member(body, "credentialArn", arn, sizeof(arn));
    if (world->n_rules == ECR_WORLD_RULES_MAX)
        return refuse(world, "LimitExceededException");
    add_rule(world, prefix, url, arn);
    print_rule(world, world->n_rules - 1);
    return 200;
}

static void list_rules(struct ecr_world *world)
{
    strbuf_add_str(&world->answer, "{\"pullThroughCacheRules\":[");
    for (size_t i = 0; i < world->n_rules; i++) {
        if (i)
            strbuf_add_char(&world->answer, ',');
        print_rule(world, i);
    }
    strbuf_add_str(&world->answer, "]}");
}

static int update_rule(struct ecr_world *world, struct slice body)
{
    char prefix[31], arn[200];

    member(body, "ecrRepositoryPrefix", prefix, sizeof(prefix));
    member(body, "credentialArn", arn, sizeof(arn));
    for (size_t i = 0; i < world->n_rules; i++)
        if (strcmp(world->rules[i].prefix, prefix) == 0) {
            (void)snprintf(world->rules[i].arn, sizeof(world->rules[i].arn), "%s", arn);
            print_rule(world, i);
            return 200;
        }
    return refuse(world, "PullThroughCacheRuleNotFoundException");
}

/* A secret is there under each name, and under each ARN that wasn't lost. */
static int describe_secret(struct ecr_world *world, struct slice body)
{
    char id[200];
    bool is_arn;

    member(body, "SecretId", id, sizeof(id));
    is_arn = strncmp(id, "arn:", 4) == 0;
    if (world->gone[0] && strcmp(world->gone, id) == 0)
        return refuse(world, "ResourceNotFoundException");
    strbuf_add_format(&world->answer,
                      "{\"ARN\":\"%s%s%s\",\"Name\":\"%s\","
                      "\"VersionIdsToStages\":{\"1\":[\"AWSCURRENT\"]}}",
                      is_arn ? "" : ARN, id, is_arn ? "" : "-AbCdEf", id);
    return 200;
}

#define TEMPLATE                                                                                   \
    "{\"prefix\":\"ROOT\",\"appliedFor\":[\"PULL_THROUGH_CACHE\"],\"imageTagMutability\":"         \
    "\"MUTABLE\"}"

static int act(struct ecr_world *world, struct slice operation, struct slice body)
{
    if (slice_is(operation, "CreatePullThroughCacheRule"))
        return create_rule(world, body);
    if (slice_is(operation, "UpdatePullThroughCacheRule"))
        return update_rule(world, body);
    if (slice_is(operation, "DescribeSecret"))
        return describe_secret(world, body);
    if (slice_is(operation, "DescribePullThroughCacheRules")) {
        list_rules(world);
    } else if (slice_is(operation, "DescribeRepositoryCreationTemplates")) {
        strbuf_add_format(&world->answer,
                          "{\"registryId\":\"" ACCOUNT "\",\"repositoryCreationTemplates\":[%s]}",
                          world->has_template ? TEMPLATE : "");
    } else if (slice_is(operation, "CreateRepositoryCreationTemplate")) {
        world->has_template = true;
        strbuf_add_str(&world->answer, "{\"registryId\":\"" ACCOUNT
                                       "\",\"repositoryCreationTemplate\":" TEMPLATE "}");
    } else if (slice_is(operation, "ValidatePullThroughCacheRule")) {
        strbuf_add_format(&world->answer,
                          "{\"isValid\":%s,\"failure\":", world->failure[0] ? "false" : "true");
        strbuf_add_json(&world->answer, slice_str(world->failure));
        strbuf_add_char(&world->answer, '}');
    } else {
        abort();
    }
    return 200;
}

static void answer(void *context, const struct fake_http_request *request,
                   struct fake_http_answer *to)
{
    struct ecr_world *world = context;
    struct slice target = fake_http_header(request, "X-Amz-Target"), operation = target;

    operation = slice_from(operation, slice_find(operation, '.') + 1);
    (void)pthread_mutex_lock(&world->lock);
    count(world, operation);
    strbuf_clear(&world->answer);
    if (world->broken) {
        strbuf_add_str(&world->answer, "{\"__type\":\"ServerException\"}");
        to->status = 500;
    } else {
        to->status = act(world, operation, request->body);
    }
    to->body = strbuf_slice(&world->answer);
    (void)pthread_mutex_unlock(&world->lock);
}

struct ecr_world *ecr_world_new(void)
{
    struct ecr_world *world = calloc(1, sizeof(*world));

    if (!world)
        abort();
    strbuf_init(&world->answer, ANSWER_MAX);
    (void)pthread_mutex_init(&world->lock, NULL);
    world->server = fake_http_start(answer, world, NULL, NULL);
    return world;
}

void ecr_world_free(struct ecr_world *world)
{
    fake_http_stop(world->server);
    (void)pthread_mutex_destroy(&world->lock);
    strbuf_fini(&world->answer);
    free(world);
}

void ecr_world_fill(struct ecr_world *world)
{
    char prefix[31];

    (void)pthread_mutex_lock(&world->lock);
    while (world->n_rules < ECR_WORLD_RULES_MAX) {
        (void)snprintf(prefix, sizeof(prefix), "theirs-%zu", world->n_rules);
        add_rule(world, prefix, "public.ecr.aws", "");
    }
    (void)pthread_mutex_unlock(&world->lock);
}

void ecr_world_add_rule(struct ecr_world *world, const char *prefix, const char *url,
                        const char *arn)
{
    (void)pthread_mutex_lock(&world->lock);
    add_rule(world, prefix, url, arn);
    (void)pthread_mutex_unlock(&world->lock);
}

void ecr_world_credential(struct ecr_world *world, const char *prefix, char *arn, size_t size)
{
    arn[0] = '\0';
    (void)pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->n_rules; i++)
        if (strcmp(world->rules[i].prefix, prefix) == 0)
            (void)snprintf(arn, size, "%s", world->rules[i].arn);
    (void)pthread_mutex_unlock(&world->lock);
}

void ecr_world_refuse(struct ecr_world *world, const char *failure)
{
    (void)pthread_mutex_lock(&world->lock);
    (void)snprintf(world->failure, sizeof(world->failure), "%s", failure);
    (void)pthread_mutex_unlock(&world->lock);
}

void ecr_world_lose_secret(struct ecr_world *world, const char *arn)
{
    (void)pthread_mutex_lock(&world->lock);
    (void)snprintf(world->gone, sizeof(world->gone), "%s", arn);
    (void)pthread_mutex_unlock(&world->lock);
}

void ecr_world_break(struct ecr_world *world, bool broken)
{
    (void)pthread_mutex_lock(&world->lock);
    world->broken = broken;
    (void)pthread_mutex_unlock(&world->lock);
}

unsigned ecr_world_calls(struct ecr_world *world, const char *operation)
{
    unsigned times = 0;

    (void)pthread_mutex_lock(&world->lock);
    for (size_t i = 0; i < world->n_operations; i++)
        if (!operation || strcmp(world->operations[i].name, operation) == 0)
            times += world->operations[i].times;
    (void)pthread_mutex_unlock(&world->lock);
    return times;
}

size_t ecr_world_rules(struct ecr_world *world)
{
    size_t n;

    (void)pthread_mutex_lock(&world->lock);
    n = world->n_rules;
    (void)pthread_mutex_unlock(&world->lock);
    return n;
}
