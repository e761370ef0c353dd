/*
 * The messages of AWS STS (query protocol, version 2011-06-15): forms out, XML in.
 */
#ifndef PULLTHROUGH_CORE_AWS_STS_MESSAGES_H
#define PULLTHROUGH_CORE_AWS_STS_MESSAGES_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#define STS_CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

enum { STS_ARN_BYTES = 2049, STS_TOKEN_MAX = 20000 };

void sts_encode_identity(struct strbuf *out); /* GetCallerIdentity */

struct sts_identity {
    char account[AWS_KEYS_ACCOUNT_BYTES];
    char arn[STS_ARN_BYTES];
};
/* -1 with the reason in error. */
int sts_decode_identity(struct sts_identity *identity, struct slice body, struct error *error);

struct sts_web_identity {
    struct slice role_arn;
    struct slice session; /* 2 to 64 of [A-Za-z0-9_+=,.@-] */
    struct slice token;   /* a JSON web token: visible ASCII */
};
/* AssumeRoleWithWebIdentity, for a POST that isn't signed; `out` should be secret. -1 with the
 * reason, which doesn't show the token. */
int sts_encode_web_identity(struct strbuf *out, const struct sts_web_identity *wanted,
                            struct error *error);
/* Its answer. -1 with the reason, which shows nothing of it. */
int sts_decode_web_identity(struct aws_keys *keys, struct slice body, struct error *error);

struct sts_role {
    struct slice role_arn;
    struct slice session;              /* as above */
    struct slice external_id;          /* or empty */
    struct slice mfa_serial, mfa_code; /* both or neither */
    unsigned duration_s;               /* 0: as STS likes */
};
/* AssumeRole, for a POST that is signed with other keys; `out` should be secret. -1 with the
 * reason, which doesn't show the code. */
int sts_encode_role(struct strbuf *out, const struct sts_role *wanted, struct error *error);
/* Its answer; the account is the role's. As above. */
int sts_decode_role(struct aws_keys *keys, struct slice body, struct error *error);

#endif
