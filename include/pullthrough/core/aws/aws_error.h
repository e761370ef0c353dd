/*
 * What an AWS service said when it refused: code, message, and what to do about it.
 *
 * Nearly every refusal of ECR is HTTP 400, a denied one and an expired one too, so the class
 * goes by the code; the status counts only where there is none (load balancers, proxies).
 */
#ifndef PULLTHROUGH_CORE_AWS_AWS_ERROR_H
#define PULLTHROUGH_CORE_AWS_AWS_ERROR_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum aws_error_class {
    AWS_ERROR_TERMINAL,            /* none of the others: asking again gives the same */
    AWS_ERROR_TRANSIENT,           /* the service's side broke; asking again may help */
    AWS_ERROR_THROTTLED,           /* too fast; asking again later helps */
    AWS_ERROR_EXPIRED_CREDENTIALS, /* expired or unknown keys: get new ones, ask again once */
    AWS_ERROR_CLOCK_SKEW,          /* our clock is wrong, says the service */
    AWS_ERROR_BAD_SIGNATURE,       /* maybe a wrong clock too: the answer's Date shows */
    AWS_ERROR_ACCESS_DENIED,       /* IAM, or an organisation's policy */
    AWS_ERROR_INVALID,             /* our request is at fault */
    AWS_ERROR_NOT_FOUND,
    AWS_ERROR_ALREADY_EXISTS,
    AWS_ERROR_QUOTA,                /* no room for one more; not a matter of speed */
    AWS_ERROR_UNSUPPORTED_UPSTREAM, /* ECR doesn't know such an upstream */
    AWS_ERROR_SECRET_REQUIRED,      /* the upstream needs a credential ARN */
    AWS_ERROR_SECRET_NOT_FOUND,     /* the rest: what ECR finds wrong with the secret */
    AWS_ERROR_SECRET_INACCESSIBLE,
    AWS_ERROR_SECRET_UNDECRYPTABLE, /* encrypted with a key of the customer's own */
};
enum { AWS_ERROR_CLASS_COUNT = AWS_ERROR_SECRET_UNDECRYPTABLE + 1 };

/* "terminal", "transient", "throttled", ...: for metrics; static storage. */
const char *aws_error_class_name(enum aws_error_class class);

struct aws_error {
    enum aws_error_class class;
    int status;          /* HTTP */
    char code[96];       /* "PullThroughCacheRuleNotFoundException"; "" where there was none */
    char message[384];   /* the first line of it, cut; may be "" */
    char request_id[80]; /* may be "" */
};

/* The parts of an answer that count. */
struct aws_error_answer {
    int status;
    struct slice error_type; /* header x-amzn-ErrorType */
    struct slice request_id; /* header x-amzn-RequestId */
    struct slice body;       /* JSON, XML, anything */
};

/* Judge an answer whose status is not 2xx. Never fails: what can't be read is left empty.
 * Any of the `secrets` that the message repeats (a signature error shows what was signed) is
 * blacked out; empty ones are passed over. */
void aws_error_decode(struct aws_error *failure, const char *operation,
                      const struct aws_error_answer *answer, const struct slice *secrets,
                      size_t n_secrets);

/* Put "OPERATION: CODE: message (HTTP 400, request id ...)" into *error; returns -1. */
int aws_error_describe(const struct aws_error *failure, const char *operation, struct error *error);

#endif
