/*
 * The messages of AWS Secrets Manager that say whether ECR can use a secret.
 */
#ifndef PULLTHROUGH_CORE_AWS_SECRETS_MESSAGES_H
#define PULLTHROUGH_CORE_AWS_SECRETS_MESSAGES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

struct secret_description {
    const char *arn;        /* with its six random characters, as ECR wants it */
    const char *name;       /* "ecr-pullthroughcache/dockerio" */
    const char *kms_key_id; /* "" for the account's default key */
    bool deleted;           /* scheduled for deletion */
    bool has_value;         /* a version is AWSCURRENT */
};

/* DescribeSecret and GetSecretValue, by name or ARN. */
void secrets_encode_id(struct strbuf *out, const char *id);

/* DescribeSecret's answer; texts live in the arena. -1 with the reason in error. */
int secrets_decode_description(struct secret_description *description, struct slice body,
                               struct arena *arena, struct error *error);

/* Whether ECR could decrypt it: ECR knows the default key only. */
bool secrets_has_default_key(const struct secret_description *description);

enum { SECRETS_VALUE_INVALID = 1 };

/* Whether GetSecretValue's answer holds what ECR wants: {"username","accessToken"}, both strings
 * and not empty. 0; SECRETS_VALUE_INVALID with the reason in error; -1 where it is no such answer.
 * Nothing of the value is kept or shown. */
int secrets_check_value(struct slice body, struct error *error);

#endif
