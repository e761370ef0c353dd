/*
 * One AdmissionReview: bytes in, answer out.
 *
 * Fails open by construction: `allowed` is always true, whatever is not understood is
 * admitted unchanged, and only a body without a usable uid is HTTP 400 (the API server
 * then follows the failurePolicy). A patch is `replace` operations on image paths that
 * were read from the object, and at most one operation on the annotations, so it always
 * applies: one that doesn't is a hard error for the user even with failurePolicy Ignore.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_REVIEW_H
#define PULLTHROUGH_CORE_REVIEW_REVIEW_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/cache/image_set.h"
#include "pullthrough/core/fallback/fallback_table.h"
#include "pullthrough/core/review/pod_images.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stddef.h>

enum review_operation { REVIEW_CREATE, REVIEW_UPDATE, REVIEW_OTHER };
enum { REVIEW_OPERATION_COUNT = REVIEW_OTHER + 1 };
const char *
review_operation_name(enum review_operation operation); /* "CREATE", "UPDATE", "other" */

enum review_outcome {
    REVIEW_REWRITTEN,      /* at least one image */
    REVIEW_UNCHANGED,      /* a pod, and nothing to change */
    REVIEW_IGNORED,        /* not a pod's CREATE, UPDATE or ephemeral containers */
    REVIEW_NOT_UNDERSTOOD, /* a uid, but no review or no pod as we know them */
    REVIEW_BAD_REQUEST,    /* not JSON, or no usable uid: HTTP 400 */
};
enum { REVIEW_OUTCOME_COUNT = REVIEW_BAD_REQUEST + 1 };
const char *review_outcome_name(enum review_outcome outcome); /* "rewritten", ... */

struct review_image {
    const struct pod_image *place; /* where it stands, its container's name, its text as sent */
    int upstream;                  /* index in the rule set, or -1 */
    uint8_t outcome;               /* enum outcome */
};

/* What was found, for logs and metrics. All slices and images live in the arena. */
struct review {
    int status; /* HTTP: 200 or 400 */
    enum review_outcome outcome;
    enum review_operation operation;
    const char *problem; /* static; for REVIEW_NOT_UNDERSTOOD and REVIEW_BAD_REQUEST */
    struct slice uid, namespace, name; /* any bytes */
    bool dry_run;
    const struct review_image *images;
    size_t n_images;
    size_t n_rewritten; /* images that the answer changes: OUTCOME_REWRITTEN, and those that an
                           update takes back to what their container has */
};

enum {
    REVIEW_UID_MAX = 256,                /* bytes; the API server sends 36 */
    REVIEW_IMAGES_MAX = 4096,            /* a pod with more is admitted unchanged */
    REVIEW_ANSWER_MAX = 8 * 1024 * 1024, /* bytes: the ceiling for `answer` */
};

/* Most bytes that a review of body_bytes takes beside the body itself, arena and answer together,
 * whatever its shape; what would take more is REVIEW_NOT_UNDERSTOOD. (An answer's buffer that
 * has more already is the caller's.) */
size_t review_memory_max(size_t body_bytes);

/* What of the arena a body of body_bytes will probably need: for arena_init(). */
size_t review_arena_bytes(size_t body_bytes);

/* Judge `body` and write the whole JSON answer into the empty `answer`, whose ceiling must be
 * at least REVIEW_ANSWER_MAX. `fallback`: what isn't sent to the cache for now, NULL for nothing.
 * `cached`: what ECR holds, NULL for nothing; it is asked only where the rules say so
 * (rule_set_asks_cache()). The arena is new, and gets its ceiling here. `body` must live as long
 * as *review is read. */
void review_answer(struct review *review, const struct rule_set *rules,
                   const struct fallback_table *fallback, struct image_set *cached,
                   struct slice body, struct arena *arena, struct strbuf *answer);

/* An image that its pod gets from upstream, because ECR doesn't hold it. */
struct review_wish {
    int upstream;              /* index in the rule set */
    struct rewrite_name image; /* in ECR */
};

/* Whether image number i of a review is wished to be imported: OUTCOME_NOT_CACHED, and no dry run.
 * `rules`: those of the review. *wish: slices into *text, which is emptied first, has
 * REWRITE_TEXT_MAX bytes for its ceiling at least, and is the caller's; the review's own memory
 * and its answer are not touched. */
bool review_wish(const struct review *review, size_t i, const struct rule_set *rules,
                 struct strbuf *text, struct review_wish *wish);

#endif
