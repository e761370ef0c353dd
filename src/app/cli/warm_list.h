/*
 * What `pullthrough warm` is to see cached: each image that would be rewritten, once, in ECR's
 * terms; and what became of it.
 */
#ifndef PULLTHROUGH_APP_CLI_WARM_LIST_H
#define PULLTHROUGH_APP_CLI_WARM_LIST_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/scan/scan.h"
#include "scan_rules.h"

enum warm_state {
    WARM_MISSING,  /* not looked for so far, or not there and not imported so far */
    WARM_CACHED,   /* ECR had it */
    WARM_IMPORTED, /* ECR has it now */
    WARM_FAILED,   /* and won't have it for now; the image has the reason */
};
enum { WARM_STATE_COUNT = WARM_FAILED + 1 };
const char *warm_state_name(enum warm_state state); /* "cached", "failed", ...; static */

struct warm_image {
    struct slice name; /* the scan's: "docker.io/library/nginx:1.27" */
    int upstream;      /* in the rule set */
    /* "dockercache/library/nginx", "1.27", "sha256:..."; of the last two "" is none. */
    const char *repository, *tag, *digest;
    enum warm_state state;
    uint64_t size_bytes; /* where ECR has it, as ECR counts */
    char *reason;        /* of WARM_FAILED; owned */
    const char *advice;  /* what to do about it; static; or NULL */

    /* warm_queue's. */
    struct warm_image *next;
    uint64_t since_ms;
    unsigned tries;
};

struct warm_list {
    struct arena arena;
    struct warm_image *items;
    size_t n, size;
};

/* Of a scan by these rules, both of which must live as long. Images whose rule isn't ready are in
 * it, and failed. */
void warm_list_make(struct warm_list *list, const struct scan *scan,
                    const struct scan_rules *rules);
void warm_list_fini(struct warm_list *list);

/* How many are in a state, and their bytes. */
size_t warm_list_count(const struct warm_list *list, enum warm_state state, uint64_t *bytes);

void warm_image_fail(struct warm_image *image, const char *reason, const char *advice);

#endif
