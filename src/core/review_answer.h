/*
 * The bytes of an answer. Part of core/review, apart because it knows nothing of pods.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_ANSWER_H
#define PULLTHROUGH_CORE_REVIEW_ANSWER_H

#include "pullthrough/core/slice.h"
#include "pullthrough/core/strbuf.h"

#include <stddef.h>

struct review_answer {
    const char *api_version; /* of the request where we speak it */
    struct slice uid;
    struct slice patch;  /* JSON; empty: none */
    size_t rewritten;    /* for the audit annotation; 0: none */
    const char *warning; /* NULL: none */
};

/* AdmissionReview with allowed: true. */
void review_answer_print(const struct review_answer *answer, struct strbuf *out);

/* kind Status (apimachinery, pkg/apis/meta/v1/types.go): the API server shows its message. */
void review_answer_print_bad_request(const char *why, struct strbuf *out);

#endif
