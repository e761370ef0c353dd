/*
 * The JSON Patch (RFC 6902) of one review, and nothing that a JSON Patch could be beyond
 * that: `replace` of image texts that were read from the object, and one `add` below the
 * annotations.
 *
 * No `test`, no whole objects, no path that wasn't seen: the API server turns a patch
 * that does not apply into an error for the user, whatever the failurePolicy says.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_PATCH_H
#define PULLTHROUGH_CORE_REVIEW_PATCH_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/review/pod_images.h"

struct patch {
    struct strbuf *out; /* borrowed; operations are appended: "[{...},{...}]" when it is closed */
    size_t n;           /* operations */
};

void patch_init(struct patch *patch, struct strbuf *out);

/* Replace the image that `where` stands for. */
void patch_replace_image(struct patch *patch, const struct pod_image *where, struct slice text);

/* Set one annotation, to a text that the caller writes into patch->out between the two, as it
 * stands inside a JSON string. `map_exists`: metadata.annotations is an object already; otherwise
 * it is absent or null, and is made. */
void patch_begin_annotation(struct patch *patch, bool map_exists, const char *key);
void patch_end_annotation(struct patch *patch, bool map_exists);

/* Forget the operation that began when patch->out had `len` bytes, an overflow too. */
void patch_take_back(struct patch *patch, size_t len);

/* Nothing is appended if there was no operation. */
void patch_close(struct patch *patch);

#endif
