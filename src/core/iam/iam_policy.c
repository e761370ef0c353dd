/*
 * Least means: an action is there only if the program makes the call in the mode and with the
 * switches of the configuration.
 */
#include "iam_document.h"
#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/image/aws_partition.h"
#include "pullthrough/core/image/ecr_host.h"

#include <stdio.h>

#define SERVICE_ROLE                                                                               \
    "aws-service-role/pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache"

enum { ARN_BYTES = 1024 };

static json_t *everything(void)
{
    static const char *const all[] = {"*", NULL};

    return iam_names(all);
}

/* The repositories below our prefixes. */
static json_t *repositories(const struct config *config, const struct iam_place *place)
{
    json_t *list = alloc_made(json_array());

    for (size_t i = 0; i < config->n_upstreams; i++)
        if (config->upstreams[i].enabled)
            iam_add(list, "arn:%s:ecr:%s:%s:repository/%s/*", place->partition, place->region,
                    place->account, config->upstreams[i].prefix);
    return list;
}

static bool has_credentials(const struct config *config)
{
    for (size_t i = 0; i < config->n_upstreams; i++)
        if (config->upstreams[i].enabled && *config->upstreams[i].secret)
            return true;
    return false;
}

/* The secrets that are looked up: those that the configuration names by name. Behind the name
 * stand six characters that Secrets Manager chooses. */
static json_t *secrets(const struct config *config, const struct iam_place *place)
{
    json_t *list = alloc_made(json_array());

    for (size_t i = 0; i < config->n_upstreams; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];
        bool again = false;

        for (size_t k = 0; k < i; k++)
            again |= config->upstreams[k].enabled &&
                     strcmp(config->upstreams[k].secret, upstream->secret) == 0;
        if (upstream->enabled && *upstream->secret && !aws_is_arn(slice_str(upstream->secret)) &&
            !again)
            iam_add(list, "arn:%s:secretsmanager:%s:%s:secret:%s-??????", place->partition,
                    place->region, place->account, upstream->secret);
    }
    return list;
}

static void allow_secrets(json_t *statements, const struct config *config,
                          const struct iam_place *place, bool read)
{
    json_t *found = secrets(config, place), *actions;

    if (json_array_size(found) == 0) {
        json_decref(found);
        return;
    }
    actions = alloc_made(json_array());
    iam_add(actions, "%s", aws_operation_action(AWS_DESCRIBE_SECRET));
    if (read)
        iam_add(actions, "%s", aws_operation_action(AWS_GET_SECRET));
    iam_allow(statements, "FindSecrets", actions, found);
}

static void allow_look(json_t *statements)
{
    const char *const look[] = {aws_operation_action(AWS_DESCRIBE_RULES),
                                aws_operation_action(AWS_DESCRIBE_TEMPLATES), NULL};

    iam_allow(statements, "Look", iam_names(look), everything());
}

static void allow_service_role(json_t *statements, const char *sid, const char *arn,
                               const char *service)
{
    json_t *actions = alloc_made(json_array()), *roles = alloc_made(json_array());
    json_t *statement;

    iam_add(actions, "iam:CreateServiceLinkedRole");
    iam_add(roles, "%s", arn);
    statement = iam_allow(statements, sid, actions, roles);
    iam_set(statement, "Condition",
            json_pack("{s:{s:s}}", "StringEquals", "iam:AWSServiceName", service));
}

static void allow_rules(json_t *statements, const struct config *config,
                        const struct iam_place *place)
{
    json_t *actions = alloc_made(json_array());
    char role[ARN_BYTES];

    iam_add(actions, "%s", aws_operation_action(AWS_CREATE_RULE));
    if (has_credentials(config))
        iam_add(actions, "%s", aws_operation_action(AWS_UPDATE_RULE));
    if (has_credentials(config) && config->reconcile.validate_ms)
        iam_add(actions, "%s", aws_operation_action(AWS_VALIDATE_RULE));
    iam_allow(statements, "MakeRules", actions, everything());
    (void)snprintf(role, sizeof(role), "arn:%s:iam::%s:role/" SERVICE_ROLE, place->partition,
                   place->account);
    allow_service_role(statements, "FirstRuleOfTheAccount", role,
                       "pullthroughcache.ecr.amazonaws.com");
}

/* ECR asks the author of a template for what the template will do. */
static void allow_template(json_t *statements, const struct config_template *template,
                           const struct iam_place *place)
{
    const char *const make[] = {aws_operation_action(AWS_CREATE_TEMPLATE), NULL};
    json_t *effects = alloc_made(json_array()), *all = alloc_made(json_array());

    iam_allow(statements, "MakeTemplate", iam_names(make), everything());
    iam_add(effects, "ecr:CreateRepository");
    if (template->untagged_days || template->keep_last)
        iam_add(effects, "ecr:PutLifecyclePolicy");
    if (*template->repository_policy)
        iam_add(effects, "ecr:SetRepositoryPolicy");
    iam_add(all, "arn:%s:ecr:%s:%s:repository/*", place->partition, place->region, place->account);
    iam_allow(statements, "WhatTheTemplateDoes", effects, all);
}

static void allow_scanning(json_t *statements)
{
    const char *const scan[] = {aws_operation_action(AWS_GET_SCANNING),
                                aws_operation_action(AWS_PUT_SCANNING), "inspector2:Enable", NULL};

    iam_allow(statements, "EnhancedScanning", iam_names(scan), everything());
    allow_service_role(statements, "FirstScanOfTheAccount", "*", "inspector2.amazonaws.com");
}

static void allow_log_in(json_t *statements)
{
    const char *const log_in[] = {aws_operation_action(AWS_GET_LOGIN), NULL};

    iam_allow(statements, "LogIn", iam_names(log_in), everything());
}

/* What pulls an image that ECR doesn't hold needs, and who sees to it that ECR holds it. */
#define IMPORT "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"

/* The list of repositories can't be cut to some of them. */
static void allow_list(json_t *statements, const struct iam_place *place)
{
    const char *const list[] = {aws_operation_action(AWS_DESCRIBE_REPOSITORIES), NULL};
    json_t *all = alloc_made(json_array());

    iam_add(all, "arn:%s:ecr:%s:%s:repository/*", place->partition, place->region, place->account);
    iam_allow(statements, "ListTheCache", iam_names(list), all);
}

static void allow_cache(json_t *statements, const struct config *config,
                        const struct iam_place *place)
{
    const char *const fill[] = {aws_operation_action(AWS_LIST_IMAGES),
                                aws_operation_action(AWS_DESCRIBE_IMAGES), "ecr:BatchGetImage",
                                IMPORT, NULL};

    allow_log_in(statements);
    allow_list(statements, place);
    iam_allow(statements, "FillTheCache", iam_names(fill), repositories(config, place));
}

int iam_policy_webhook(struct strbuf *out, const struct config *config,
                       const struct iam_place *place)
{
    json_t *statements;

    if (config->reconcile.mode == CONFIG_RECONCILE_OFF)
        return IAM_POLICY_NOT_NEEDED;
    statements = alloc_made(json_array());
    allow_look(statements);
    if (config->reconcile.mode == CONFIG_RECONCILE_MANAGE) {
        allow_rules(statements, config, place);
        allow_secrets(statements, config, place, config->reconcile.read_secrets);
        if (config->reconcile.template.manage)
            allow_template(statements, &config->reconcile.template, place);
        if (config->reconcile.scanning == CONFIG_SCANNING_ENHANCED)
            allow_scanning(statements);
    }
    if (config_is_cached(config))
        allow_cache(statements, config, place);
    iam_print(out, statements);
    return 0;
}

void iam_policy_nodes(struct strbuf *out, const struct config *config,
                      const struct iam_place *place)
{
    const bool held = config->rewrite.when == CONFIG_WHEN_CACHED;
    const char *const pull[] = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", IMPORT, NULL};
    const char *const pull_held[] = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
                                     "ecr:BatchImportUpstreamImage", NULL};
    json_t *statements = alloc_made(json_array());

    allow_log_in(statements);
    iam_allow(statements, "PullThrough", iam_names(held ? pull_held : pull),
              repositories(config, place));
    iam_print(out, statements);
}

void iam_policy_verify(struct strbuf *out, const struct config *config,
                       const struct iam_place *place)
{
    const char *const look[] = {
        aws_operation_action(AWS_DESCRIBE_RULES), aws_operation_action(AWS_DESCRIBE_TEMPLATES),
        aws_operation_action(AWS_VALIDATE_RULE), aws_operation_action(AWS_GET_LOGIN), NULL};
    const char *const pull[] = {"ecr:BatchGetImage", IMPORT,
                                aws_operation_action(AWS_DESCRIBE_IMAGES), NULL};
    json_t *statements = alloc_made(json_array());

    iam_allow(statements, "Look", iam_names(look), everything());
    allow_secrets(statements, config, place, false);
    allow_list(statements, place);
    iam_allow(statements, "FillTheCache", iam_names(pull), repositories(config, place));
    iam_print(out, statements);
}

void iam_policy_registry(struct strbuf *out, const struct config *config,
                         const struct iam_place *place, const char *const *principals,
                         size_t n_principals)
{
    static const char *const import[] = {IMPORT, NULL};
    json_t *statements = alloc_made(json_array()), *arns = alloc_made(json_array());
    json_t *statement;

    for (size_t i = 0; i < n_principals; i++)
        if (ecr_host_is_account(slice_str(principals[i])))
            iam_add(arns, "arn:%s:iam::%s:root", place->partition, principals[i]);
        else
            iam_add(arns, "%s", principals[i]);
    statement =
        iam_allow(statements, "PullThrough", iam_names(import), repositories(config, place));
    iam_set(statement, "Principal", json_pack("{s:o}", "AWS", iam_simple(arns)));
    iam_print(out, statements);
}
