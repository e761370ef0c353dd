/*
 * What the AWS CLI leaves in its caches after `aws sso login` and `aws login`, and the two calls
 * that make keys of the first: SSO GetRoleCredentials and SSO OIDC CreateToken.
 */
#ifndef PULLTHROUGH_CORE_AWS_SSO_MESSAGES_H
#define PULLTHROUGH_CORE_AWS_SSO_MESSAGES_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/aws/secret_json.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

enum { SSO_TOKEN_MAX = 256 * 1024 }; /* bytes of a file in the cache, or of an answer */

/* Append the names of the files: of the session's name, or else of the start URL; and of a
 * login_session. "0a4d…e2.json", nothing else. */
void sso_cache_name(struct strbuf *out, struct slice name);
void sso_login_cache_name(struct strbuf *out, struct slice session);

struct sso_token {
    struct secret_json *json; /* owns the texts */
    struct slice access, refresh, client_id, client_secret;
    struct slice registration;      /* when the client's registration ends, as it is written */
    int64_t expires_s;              /* of the access token */
    int64_t registration_expires_s; /* 0: not known */
};
#define SSO_TOKEN_CLEANUP __attribute__((cleanup(sso_token_fini)))

/* A file of the cache. -1 with the reason, which shows nothing of it. sso_token_fini() in either
 * case. */
int sso_token_read(struct sso_token *token, struct slice text, struct error *error);
void sso_token_fini(struct sso_token *token);
/* Whether it has what CreateToken takes, and the registration isn't over. */
bool sso_token_can_refresh(const struct sso_token *token, int64_t now_s);

/* The body of CreateToken, and the file for its answer: as the AWS CLI writes it. Both want a
 * secret buffer. The file: -1 with the reason where the answer lacks something. */
void sso_encode_refresh(struct strbuf *out, const struct sso_token *token);
int sso_refreshed(struct strbuf *file, const struct sso_token *old, struct slice answer,
                  struct slice start_url, struct slice region, int64_t now_s, struct error *error);

/* Append "/federation/credentials?role_name=...&account_id=...". */
void sso_print_target(struct strbuf *out, struct slice role, struct slice account);
/* Its answer. -1 with the reason, which shows nothing of it. */
int sso_decode_role(struct aws_keys *keys, struct slice body, struct error *error);

/* The keys in a file of the login cache; they may be over. -1 as above. */
int sso_decode_login(struct aws_keys *keys, struct slice text, struct error *error);

#endif
