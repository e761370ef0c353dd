/*
 * One set of AWS credentials. A plain value: copying it copies the secrets, so every copy
 * is wiped by its owner (AWS_KEYS_CLEANUP).
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_KEYS_H
#define PULLTHROUGH_CORE_AWS_AWS_KEYS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdint.h>

enum {
    AWS_KEYS_ID_MAX = 128, /* bytes; IAM API, AccessKeyId */
    AWS_KEYS_SECRET_MAX = 256,
    AWS_KEYS_TOKEN_MAX = 16384, /* AWS names no maximum; what fits into a header everywhere */
    AWS_KEYS_ACCOUNT_BYTES = 13
};

#define AWS_KEYS_NEVER INT64_MAX

struct aws_keys {
    char id[AWS_KEYS_ID_MAX + 1];
    char secret[AWS_KEYS_SECRET_MAX + 1];
    char token[AWS_KEYS_TOKEN_MAX + 1];   /* "" for keys that don't expire */
    char account[AWS_KEYS_ACCOUNT_BYTES]; /* "" where the source didn't say */
    int64_t expires_s;                    /* since 1970; AWS_KEYS_NEVER */
};

#define AWS_KEYS_CLEANUP __attribute__((cleanup(aws_keys_wipe)))

/* Check and copy; the token may be empty, expires_s becomes AWS_KEYS_NEVER, account "". Visible
 * ASCII only: they go into headers. -1 with a reason that doesn't show them, and *keys wiped. */
int aws_keys_set(struct aws_keys *keys, struct slice id, struct slice secret, struct slice token,
                 struct error *error);

/* Remember the account if it is twelve digits, else forget it. */
void aws_keys_set_account(struct aws_keys *keys, struct slice account);

/* All bytes to zero, in a way that the compiler keeps. */
void aws_keys_wipe(struct aws_keys *keys);

#endif
