/*
 * The bytes of an answer. Part of core/review/review, apart because it knows nothing of pods.
 *
 * An answer is written in one piece: its beginning, maybe a patch, its end.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_REVIEW_ANSWER_H
#define PULLTHROUGH_CORE_REVIEW_REVIEW_ANSWER_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

enum { REVIEW_ANSWER_TAIL = 512 }; /* most bytes of what review_answer_end() writes */

/* AdmissionReview with allowed: true. `api_version`: of the request where we speak it. */
void review_answer_begin(struct strbuf *out, const char *api_version, struct slice uid);

/* Between the two the patch is appended, as JSON; `patch` is where it began. */
void review_answer_begin_patch(struct strbuf *out);
void review_answer_end_patch(struct strbuf *out, size_t patch);

/* Whether everything went in, and the end will. */
bool review_answer_fits(const struct strbuf *out);

/* `rewritten`: for the audit annotation, 0 for none; `warning` is NULL for none. */
void review_answer_end(struct strbuf *out, size_t rewritten, const char *warning);

/* kind Status (apimachinery, pkg/apis/meta/v1/types.go): the API server shows its message. */
void review_answer_bad_request(struct strbuf *out, const char *why);

#endif
