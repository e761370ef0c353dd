/*
 * IAM policies, least and whole: what the program, the nodes, the registry and the role's trust
 * need for the upstreams of a configuration.
 *
 * Actions, resource types and condition keys: AWS's service authorization reference, and the
 * ECR user guide on pull-through caches, creation templates and enhanced scanning. Actions on
 * rules and templates know no resources, so theirs is "*".
 *
 * Every function appends one JSON document with a newline behind it.
 */
#ifndef PULLTHROUGH_CORE_IAM_IAM_POLICY_H
#define PULLTHROUGH_CORE_IAM_IAM_POLICY_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config.h"

#include <stddef.h>

enum { IAM_POLICY_MAX = 256 * 1024 };

struct iam_place {
    const char *partition; /* "aws", the second part of every ARN */
    const char *account, *region;
};

enum { IAM_POLICY_NOT_NEEDED = 1 };

/* The role of the program itself, for its mode and switches; in cached mode it also looks what ECR
 * holds, and imports. 0; IAM_POLICY_NOT_NEEDED: with
 * reconcile.mode off it needs none, and nothing is appended. */
int iam_policy_webhook(struct strbuf *out, const struct config *config,
                       const struct iam_place *place);

/* Whoever pulls: the nodes' role, Fargate's pod execution role. With rewrite.when: cached they are
 * sent to ECR only for what it holds, so that they make no repository. The right to import stays:
 * ECR is reported to ask for it at each pull, and to say "not found" without it. */
void iam_policy_nodes(struct strbuf *out, const struct config *config,
                      const struct iam_place *place);

/* Who runs `pullthrough verify`, `warm` or `images`; `scan` and `rewrite --live` want less. */
void iam_policy_verify(struct strbuf *out, const struct config *config,
                       const struct iam_place *place);

/* The registry's own policy: lets those principals create and import, in place of permissions of
 * their own to do so. */
void iam_policy_registry(struct strbuf *out, const struct config *config,
                         const struct iam_place *place, const char *const *principals,
                         size_t n_principals);

/* The ARN of a role or user, or the 12 digits of an account. -1 with the reason. */
int iam_policy_check_principal(struct slice text, struct error *error);

/* The service account whose pods may take the role. */
struct iam_subject {
    const char *name_space, *service_account;
};

/* The issuer of a cluster's tokens, without scheme and final slash, NUL-terminated. -1 with the
 * reason. */
enum { IAM_ISSUER_BYTES = 256 };
int iam_policy_issuer(char issuer[static IAM_ISSUER_BYTES], struct slice text, struct error *error);

/* Trust policies: for an OpenID Connect provider (IRSA; `issuer` as above), and for EKS Pod
 * Identity. */
void iam_policy_trust_irsa(struct strbuf *out, const struct iam_place *place, const char *issuer,
                           const struct iam_subject *subject);
void iam_policy_trust_pod_identity(struct strbuf *out, const struct iam_subject *subject);

#endif
