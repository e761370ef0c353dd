/*
 * One call to an AWS service with given keys: signed, sent, judged, and sent again where that
 * helps. No credentials are fetched here.
 *
 * At most three attempts within twenty seconds; between them full jitter from 50 ms, from 1 s
 * where the service throttles, never beyond what is left. When the service says that our clock
 * is wrong (and its Date header shows by how much) the call is signed anew once, and the
 * difference kept for later calls.
 */
#ifndef PULLTHROUGH_EDGE_AWS_AWS_SENDER_H
#define PULLTHROUGH_EDGE_AWS_AWS_SENDER_H

#include "pullthrough/core/aws/aws_calls.h"
#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/aws/aws_settings.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdint.h>

enum {
    AWS_SENDER_ATTEMPTS = 3,
    AWS_SENDER_DEADLINE_MS = 20000,
    AWS_SENDER_CONNECT_MS = 5000,
    AWS_SENDER_ATTEMPT_MS = 10000,
    AWS_SENDER_ANSWER_MAX = 4 * 1024 * 1024,
};

/* One attempt, for metrics. */
struct aws_sender_attempt {
    enum aws_operation operation;
    enum aws_outcome outcome;
    uint64_t duration_ms;
};

struct aws_sender {
    struct http_client *http;            /* borrowed */
    const struct aws_settings *settings; /* borrowed; the region must be known */
    const struct timing *timing;         /* borrowed */
    uint64_t deadline_ms, attempt_ms;    /* 0: as above */
    int64_t skew_s;                      /* the services' clock minus ours; starts at 0 */
    void (*count)(void *context, const struct aws_sender_attempt *attempt); /* or NULL */
    void *context;
};

struct aws_call {
    enum aws_operation operation;
    struct slice body;
};

enum { AWS_SENDER_REFUSED = 1, AWS_SENDER_NO_ANSWER = 2 };

/* `keys` NULL: not signed. *answer (its ceiling counts; secret or not) gets the body of a 2xx
 * answer. 0; AWS_SENDER_REFUSED: the service said no, *failure says what; AWS_SENDER_NO_ANSWER:
 * nobody knows whether it was carried out; -1: not sent, or no use to send. In all but 0 the
 * reason is in error, with the request id where there is one. */
int aws_sender_send(struct aws_sender *sender, const struct aws_call *call,
                    const struct aws_keys *keys, struct strbuf *answer, struct aws_error *failure,
                    struct error *error);

/* Seconds since 1970 by the services' clock, as far as it is known. */
int64_t aws_sender_now_s(const struct aws_sender *sender);

#endif
