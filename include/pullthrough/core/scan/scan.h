/*
 * What `pullthrough scan` counts: of pods one by one, which images they have, what would become of
 * each and why, and what is worth a word about it. It keeps images, namespaces and registries, and
 * where which image is; no pod. So memory is that of what differs, and there is a most of it.
 *
 * Pure. One image is what is pulled as one: "nginx", "docker.io/library/nginx:latest" and an alias
 * of the registry are the same.
 */
#ifndef PULLTHROUGH_CORE_SCAN_SCAN_H
#define PULLTHROUGH_CORE_SCAN_SCAN_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/manifest/manifest.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept at most: images, namespaces and the like together, and places of images. A container
 * for which there is no room is counted as such, and nowhere else. */
enum { SCAN_NAMES_MAX = 65536, SCAN_PLACES_MAX = 262144 };

/* What may hurt, or is worth knowing. But for the last two of an image that would be rewritten. */
enum scan_hint {
    SCAN_PULL_SECRETS, /* its pod names pull secrets: through the cache ECR's credential counts */
    SCAN_MOVING,       /* :latest that is pulled at each start: ECR looks upstream once a day */
    SCAN_ONLY_ON_NODE, /* the node has it from no registry: built or loaded there */
    SCAN_OPERATOR,     /* its pod is made by an operator's own object, which may compare images */
    SCAN_NO_LOGIN,     /* of Docker Hub, and its pod names no pull secret */
    SCAN_COULD_CACHE,  /* not-upstream, of a registry that ECR can cache */
};
enum { SCAN_HINT_COUNT = SCAN_COULD_CACHE + 1 };

/* A set of outcomes, or of hints. */
#define SCAN_BIT(number) (UINT32_C(1) << (unsigned)(number))

/* Sums of a registry, of a namespace, or of all. An image that would change in one pod and stays in
 * another one is counted in `change`, in `stay` and in `both`. */
struct scan_sum {
    struct slice name; /* "" for all, and for objects that name no namespace */
    size_t images, change, stay, both;
    size_t pods, containers; /* that have such images, image volumes with the containers */
    size_t outcomes[OUTCOME_COUNT], hints[SCAN_HINT_COUNT]; /* images */
    int upstream;                                           /* of a registry; else -1 */
};

struct scan_image {
    struct slice name;     /* "docker.io/library/nginx:1.27"; what isn't an image: as written */
    struct slice registry; /* "docker.io"; "" where it names none */
    int upstream;          /* in the rule set, -1 */
    uint32_t outcomes, hints;
    size_t containers, pods;
};

/* Objects of a kind that is somebody's own, whose images only its operator makes pods of. */
struct scan_kind {
    struct slice version, kind;
    size_t objects, images;
};

struct scan;

/* The rules must live as long. */
struct scan *scan_new(const struct rule_set *rules);
void scan_free(struct scan *scan); /* NULL is allowed */
#define SCAN_CLEANUP __attribute__((cleanup(scan_cleanup)))
static inline void scan_cleanup(struct scan **scan)
{
    scan_free(*scan);
}

/* For manifest_stream_new() and manifest_rewrite(): the functions count. One input after another:
 * scan_begin_input() before each, since pods are numbered anew. */
struct manifest_report scan_counter(struct scan *scan);
void scan_begin_input(struct scan *scan);

/* All slices below live as long as the scan. */
struct scan_sum scan_all(const struct scan *scan);
size_t scan_namespaces(const struct scan *scan);
size_t scan_hint_pods(const struct scan *scan, enum scan_hint hint);
size_t scan_uncounted(const struct scan *scan); /* containers: there was no room */

/* Sums for each registry, most images first, or each namespace, by name. The caller frees. */
struct scan_sum *scan_by_registry(const struct scan *scan, size_t *n);
struct scan_sum *scan_by_namespace(const struct scan *scan, size_t *n);
/* By group, version and kind. The caller frees. */
struct scan_kind *scan_kinds(const struct scan *scan, size_t *n);

/* Each image, and each image in each namespace (then with what holds there), as they were found. */
typedef void (*scan_image_fn)(void *context, const struct scan_image *image,
                              struct slice namespace);
void scan_each_image(const struct scan *scan, scan_image_fn tell, void *context);
void scan_each_place(const struct scan *scan, scan_image_fn tell, void *context);

/* Each image that would be rewritten somewhere, once, and as what it would be pulled; `target` is
 * dead after the call. What is to be in the cache before the switch. */
typedef void (*scan_wanted_fn)(void *context, const struct scan_image *image, struct slice target);
void scan_each_wanted(const struct scan *scan, scan_wanted_fn tell, void *context);

/* Whether an outcome is a reason that an operator can mend, and would want to: rule-not-ready,
 * too-long, invalid. The others were chosen, by the configuration or by the pod. */
bool scan_is_mendable(enum outcome outcome);

#endif
