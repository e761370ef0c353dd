/*
 * The calls of ECR, Secrets Manager and STS that the program makes, each as one function: encode,
 * call, decode, page by page where there are pages.
 *
 * All return as aws_client_call() does: 0; AWS_CLIENT_REFUSED with *failure saying what the service
 * said; AWS_CLIENT_NO_ANSWER: nobody knows whether it was carried out; -1: not sent, or an
 * answer that can't be read. In all but 0 the reason is in error. What is decoded lives in the
 * arena. `failure` may be NULL.
 */
#ifndef PULLTHROUGH_EDGE_AWS_ECR_CLIENT_H
#define PULLTHROUGH_EDGE_AWS_ECR_CLIENT_H

#include "pullthrough/core/aws/ecr_images.h"
#include "pullthrough/core/aws/ecr_rules.h"
#include "pullthrough/core/aws/ecr_scanning.h"
#include "pullthrough/core/aws/ecr_templates.h"
#include "pullthrough/core/aws/secrets_messages.h"
#include "pullthrough/core/aws/sts_messages.h"
#include "pullthrough/core/base/arena.h"
#include "pullthrough/edge/aws/aws_client.h"

/* What every call needs. */
struct ecr_client {
    struct aws_client *aws;    /* borrowed */
    struct arena *arena;       /* borrowed */
    struct aws_error *failure; /* borrowed; or NULL */
    struct error *error;       /* borrowed */
};

enum { ECR_CLIENT_PAGES_MAX = 100 };

/* All rules, all templates of the registry. */
int ecr_client_rules(const struct ecr_client *client, struct ecr_rules *rules);
int ecr_client_templates(const struct ecr_client *client, struct ecr_templates *templates);

int ecr_client_create_rule(const struct ecr_client *client, const char *prefix,
                           const char *upstream_url, const char *credential_arn);
int ecr_client_update_rule(const struct ecr_client *client, const char *prefix,
                           const char *credential_arn);
int ecr_client_delete_rule(const struct ecr_client *client, const char *prefix);
/* ECR fetches the secret and logs in upstream: slow. */
int ecr_client_validate_rule(const struct ecr_client *client, const char *prefix,
                             struct ecr_validation *validation);

/* The template ROOT; see ecr_templates_encode_create(). */
int ecr_client_create_template(const struct ecr_client *client, const char *lifecycle_policy,
                               const char *repository_policy);

int ecr_client_scanning(const struct ecr_client *client, struct ecr_scanning *scanning);
int ecr_client_put_scanning(const struct ecr_client *client, const struct ecr_scanning *scanning);

int ecr_client_repository(const struct ecr_client *client, const char *name,
                          struct ecr_repositories *repositories);
/* By tag or by digest; the other one is "". */
int ecr_client_image(const struct ecr_client *client, const char *repository, const char *tag,
                     const char *digest, struct ecr_images *images);
/* A page of a list of any length; next_token "" for the first. The second: all ACTIVE images, with
 * what ECR knows of them. */
int ecr_client_list_images(const struct ecr_client *client, const char *repository,
                           const char *next_token, struct ecr_image_ids *ids);
int ecr_client_images(const struct ecr_client *client, const char *repository,
                      const char *next_token, struct ecr_images *images);
int ecr_client_list_repositories(const struct ecr_client *client, const char *next_token,
                                 struct ecr_repositories *repositories);
/* See ecr_images_decode_token(). */
int ecr_client_login(const struct ecr_client *client, struct strbuf *token, const char **endpoint);

/* Secrets Manager: by name or ARN. */
int ecr_client_secret(const struct ecr_client *client, const char *id,
                      struct secret_description *description);

enum { ECR_CLIENT_SECRET_INVALID = 3 };
/* Whether the secret's value is what ECR wants: 0; ECR_CLIENT_SECRET_INVALID with the reason in
 * error; or as above. The value is wiped. */
int ecr_client_check_secret(const struct ecr_client *client, const char *id);

/* STS: who we are. */
int ecr_client_identity(const struct ecr_client *client, struct sts_identity *identity);

#endif
