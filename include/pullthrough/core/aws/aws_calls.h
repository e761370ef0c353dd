/*
 * Every call that the program makes to AWS, and what is fixed about each: the one list that the
 * sender, the metrics and the IAM policies read. A call that isn't in it can't be written.
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_CALLS_H
#define PULLTHROUGH_CORE_AWS_AWS_CALLS_H

#include "pullthrough/core/aws/aws_endpoint.h"
#include "pullthrough/core/aws/aws_error.h"

/* X(name here, service, IAM action, slow: one attempt may take the whole deadline). The order is
 * that of the metrics. */
#define AWS_CALLS(X)                                                                               \
    X(AWS_CREATE_RULE, AWS_ECR, "ecr:CreatePullThroughCacheRule", false)                           \
    X(AWS_UPDATE_RULE, AWS_ECR, "ecr:UpdatePullThroughCacheRule", false)                           \
    X(AWS_VALIDATE_RULE, AWS_ECR, "ecr:ValidatePullThroughCacheRule", true)                        \
    X(AWS_DELETE_RULE, AWS_ECR, "ecr:DeletePullThroughCacheRule", false)                           \
    X(AWS_DESCRIBE_RULES, AWS_ECR, "ecr:DescribePullThroughCacheRules", false)                     \
    X(AWS_CREATE_TEMPLATE, AWS_ECR, "ecr:CreateRepositoryCreationTemplate", false)                 \
    X(AWS_DESCRIBE_TEMPLATES, AWS_ECR, "ecr:DescribeRepositoryCreationTemplates", false)           \
    X(AWS_GET_SCANNING, AWS_ECR, "ecr:GetRegistryScanningConfiguration", false)                    \
    X(AWS_PUT_SCANNING, AWS_ECR, "ecr:PutRegistryScanningConfiguration", false)                    \
    X(AWS_GET_LOGIN, AWS_ECR, "ecr:GetAuthorizationToken", false)                                  \
    X(AWS_DESCRIBE_IMAGES, AWS_ECR, "ecr:DescribeImages", false)                                   \
    X(AWS_LIST_IMAGES, AWS_ECR, "ecr:ListImages", false)                                           \
    X(AWS_DESCRIBE_REPOSITORIES, AWS_ECR, "ecr:DescribeRepositories", false)                       \
    X(AWS_DESCRIBE_SECRET, AWS_SECRETS_MANAGER, "secretsmanager:DescribeSecret", false)            \
    X(AWS_GET_SECRET, AWS_SECRETS_MANAGER, "secretsmanager:GetSecretValue", false)                 \
    X(AWS_GET_IDENTITY, AWS_STS, "sts:GetCallerIdentity", false)                                   \
    X(AWS_ASSUME_ROLE, AWS_STS, "sts:AssumeRoleWithWebIdentity", false)                            \
    X(AWS_ASSUME_ROLE_BY_KEYS, AWS_STS, "sts:AssumeRole", false)

#define AWS_CALLS_NAME(name, service, action, slow) name,
enum aws_operation { AWS_CALLS(AWS_CALLS_NAME) AWS_OPERATION_COUNT };
#undef AWS_CALLS_NAME

/* "ecr:CreatePullThroughCacheRule", and what stands behind the colon, which is how the service
 * calls it; static storage. */
const char *aws_operation_action(enum aws_operation operation);
const char *aws_operation_name(enum aws_operation operation);
enum aws_service aws_operation_service(enum aws_operation operation);
bool aws_operation_is_slow(enum aws_operation operation);

/* What became of one attempt: a class of aws_error.h, or one of these. */
enum aws_outcome {
    AWS_OUTCOME_OK = AWS_ERROR_CLASS_COUNT,
    AWS_OUTCOME_NO_ANSWER,
    AWS_OUTCOME_FAILED, /* not sent, or no use to send */
    AWS_OUTCOME_COUNT
};
/* "ok", "no-answer", "failed", or aws_error_class_name(); static storage. */
const char *aws_outcome_name(enum aws_outcome outcome);

#endif
