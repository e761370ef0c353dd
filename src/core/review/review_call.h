/*
 * One call of review_answer(): what its steps share.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_REVIEW_CALL_H
#define PULLTHROUGH_CORE_REVIEW_REVIEW_CALL_H

#include "pullthrough/core/review/review.h"

#include <yyjson.h>

struct review_call {
    struct review *review;
    const struct rule_set *rules;
    const struct fallback_table *fallback;                        /* or NULL */
    struct image_set *cached;                                     /* or NULL */
    struct arena *arena;                                          /* has a ceiling */
    struct strbuf *answer;                                        /* has a ceiling */
    yyjson_val *request, *resource, *subresource, *pod, *old_pod; /* NULL: absent */
    const char *api_version;
    unsigned lists; /* of enum pod_image_list: those that this operation may change */
};

/* What the API server may be told about; `problem` is static, NULL where there is none. */
static inline void review_end(struct review_call *call, enum review_outcome outcome,
                              const char *problem)
{
    call->review->outcome = outcome;
    call->review->problem = problem;
}

/* A problem, where memory is. */
#define REVIEW_TOO_MUCH "it would take more memory than 6 times its bytes and 1 MiB"

/* Judge each of the pod's images, and end the review. True: the answer has got a patch; else
 * its text is as it was, or to be cut back to that. */
bool review_pod(struct review_call *call);

#endif
