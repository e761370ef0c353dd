/*
 * The annotation that keeps what the images were: a JSON object from "containers/web" and
 * so on to the reference that was there before.
 *
 * It says what we rewrote, and nothing else: what comes with a pod and isn't so is dropped. An
 * annotation that is no such object is somebody else's, and stays.
 */
#ifndef PULLTHROUGH_CORE_REVIEW_ORIGINALS_H
#define PULLTHROUGH_CORE_REVIEW_ORIGINALS_H

#include "patch.h"
#include "pod_image_index.h"
#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/review/annotations.h"
#include "pullthrough/core/rules/rule_set.h"

/* What becomes of the entry of one image (pod_image.entry). */
enum originals_entry {
    ORIGINALS_KEEP,  /* it stays, if there is one */
    ORIGINALS_CHECK, /* it stays if what it names is rewritten to the image, as when we are asked
                        about the pod again */
    ORIGINALS_SET,   /* it names the image's text, as it was sent */
};

struct originals {
    bool possible;             /* there is a place for the annotation, and what it holds is ours */
    bool map_exists;           /* metadata.annotations is an object */
    size_t other_bytes;        /* of all other annotations */
    struct pod_image *entries; /* list 0: of none of ours, name is the whole key */
    struct pod_image_index index; /* of the entries; the last one of a name counts */
};

/* What `pod` has; entries live in the arena. What takes more than the arena's ceiling leaves isn't
 * ours. */
void originals_read(struct originals *originals, yyjson_val *pod, struct arena *arena);

/* The text that the pod's annotation has for an image; its ptr is NULL if none. */
struct slice originals_find(struct originals *originals, const struct pod_image *image);

/* Add the operation that makes the entries what the n images ask for. `created`: entries that
 * are of no image go too. No operation where nothing changes or it can't be done safely: it isn't
 * possible, or there is no room. */
void originals_write(struct patch *patch, struct originals *originals, struct pod_image *images,
                     size_t n, bool created, const struct rule_set *rules, struct arena *arena);

#endif
