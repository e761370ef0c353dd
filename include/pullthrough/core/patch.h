/*
 * The JSON Patch (RFC 6902) of one review, and nothing that a JSON Patch could be beyond
 * that: `replace` of image texts that were read from the object, and one `add` below the
 * annotations.
 *
 * No `test`, no whole objects, no path that wasn't seen: the API server turns a patch
 * that does not apply into an error for the user, whatever the failurePolicy says.
 */
#ifndef PULLTHROUGH_CORE_PATCH_H
#define PULLTHROUGH_CORE_PATCH_H

#include "pullthrough/core/pod_images.h"
#include "pullthrough/core/slice.h"
#include "pullthrough/core/strbuf.h"

struct patch {
    struct strbuf text; /* owned: "[{...},{...}]" after patch_close() */
    size_t n;           /* operations */
};

void patch_init(struct patch *patch, size_t ceiling);
void patch_fini(struct patch *patch);
#define PATCH_CLEANUP __attribute__((cleanup(patch_fini)))

/* Replace the image that `where` stands for. */
void patch_replace_image(struct patch *patch, const struct pod_image *where, struct slice text);

/* Set one annotation. `map_exists`: metadata.annotations is an object already; otherwise it
 * is absent or null, and is made. Any bytes are allowed in both. */
void patch_set_annotation(struct patch *patch, bool map_exists, const char *key,
                          struct slice value);

/* The finished array; empty if there was no operation. Borrowed; look at text.overflowed. */
struct slice patch_close(struct patch *patch);

#endif
