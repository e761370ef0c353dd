/*
 * AWS Signature Version 4, by headers (AWS General Reference, "Create a signed AWS API
 * request"), for the requests that we send: one path, no query, the whole body at hand.
 *
 * Signed are content-type, host, x-amz-date, x-amz-security-token and x-amz-target, as far
 * as they are there: the five that botocore signs. The time is an argument, so vectors
 * can be run and a wrong clock corrected.
 */
#ifndef PULLTHROUGH_CORE_AWS_SIGV4_H
#define PULLTHROUGH_CORE_AWS_SIGV4_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/timestamp.h"

#include <stdint.h>

enum {
    SIGV4_HEX_BYTES = 65, /* of a SHA-256, with its NUL */
    SIGV4_AUTHORIZATION_BYTES = 1024,
    SIGV4_KEY_BYTES = 32,
};

struct sigv4_request {
    struct slice method;       /* "POST" */
    struct slice host;         /* exactly the Host header that is sent */
    struct slice path;         /* "/": of [A-Za-z0-9-._~/], no empty or dot segments */
    struct slice content_type; /* empty: not sent */
    struct slice target;       /* X-Amz-Target; empty: not sent */
    struct slice body;
    struct slice region, service;
};

struct sigv4_signature {
    char date[TIMESTAMP_BASIC_BYTES];              /* X-Amz-Date */
    char authorization[SIGV4_AUTHORIZATION_BYTES]; /* Authorization */
    char body_hash[SIGV4_HEX_BYTES];
    char canonical_hash[SIGV4_HEX_BYTES]; /* of the canonical request, to compare with others' */
};

/* Sign at `time_s` (seconds since 1970). What is sent must be what was signed, with
 * keys->token as X-Amz-Security-Token unless it is empty. -1 with the reason where a part
 * can't be signed: an empty one, bytes that are not visible ASCII, blanks that would be folded. */
int sigv4_sign(struct sigv4_signature *signature, const struct aws_keys *keys,
               const struct sigv4_request *request, int64_t time_s, struct error *error);

/* The key of one day ("20261121"), region and service; the caller wipes it. */
void sigv4_signing_key(unsigned char key[static SIGV4_KEY_BYTES], const char *secret,
                       struct slice day, struct slice region, struct slice service);

#endif
