/*
 * Manifests: the image scalars of Kubernetes objects in YAML or JSON text, rewritten in
 * place. Everything else stays byte for byte: comments, anchors, quoting, line ends,
 * tabs, a missing last newline.
 *
 * Kinds: those of core, apps and batch that hold pods; Argo's Rollout and Workflows,
 * OpenKruise's workloads, Knative Serving (src/core/manifest/manifest_kinds.c); List, the kinds'
 * own
 * ...List, and the ResourceList that a KRM function gets. Custom objects of other kinds: the
 * lists of containers in them are judged, and edited if that is asked for. The pod's labels,
 * annotations and namespace count as in a review.
 */
#ifndef PULLTHROUGH_CORE_MANIFEST_MANIFEST_H
#define PULLTHROUGH_CORE_MANIFEST_MANIFEST_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stddef.h>

enum { MANIFEST_TEXT_MAX = 64 * 1024 * 1024 }; /* bytes of one manifest */

/* Why an image is left alone although its pod may be rewritten: it would be rewritten if it
 * stood there as a plain or quoted text, or nobody can tell. */
enum manifest_obstacle {
    MANIFEST_EDITABLE,
    MANIFEST_ALIAS,     /* "*name", or inside a node that is reached by one or by "<<" */
    MANIFEST_BLOCK,     /* a block scalar, "|" or ">" */
    MANIFEST_TEMPLATE,  /* holds "{{" */
    MANIFEST_NO_STRING, /* a number, a boolean, null, a collection */
    MANIFEST_OTHER_KIND /* of an object whose kind isn't known, with CONFIG_KINDS_KNOWN */
};
/* "alias", "block-scalar", "template", "not-a-string", "other-kind"; static. */
const char *manifest_obstacle_name(enum manifest_obstacle obstacle);
/* A few words for a person: why the image was left alone; static. */
const char *manifest_obstacle_explanation(enum manifest_obstacle obstacle);

struct manifest_image {
    size_t document, line, column; /* from 1 */
    struct slice kind, object;     /* "Deployment", "web"; the object's name may be empty */
    struct slice namespace;        /* of the object; empty where it names none */
    size_t pod; /* number of the pod, or of what pods are made of, in the whole input; from 1 */
    const char *path;       /* "spec.template.spec.containers[0].image"; dead after the call */
    struct slice container; /* name of the container or volume, or empty */
    struct slice original;  /* decoded text; empty for a collection that is no template */
    struct slice rewritten; /* empty unless outcome is OUTCOME_REWRITTEN */
    enum manifest_obstacle
        obstacle; /* unless MANIFEST_EDITABLE the text stays, outcome is OUTCOME_INVALID */
    enum outcome outcome;
    int upstream;
    const char *reason; /* static, or NULL */
    bool other_kind;    /* left alone for its object's kind, whatever else there is to say */

    struct slice pull_policy; /* as written; empty where there is none */
    bool names_pull_secrets;  /* its pod does */
    /* Of a Pod: who made it (its controller), and as what the node has the image; or empty. */
    struct slice owner_version, owner_kind, image_id;
};

/* An object whose kind holds no pod that we know. */
struct manifest_other {
    size_t document, line;
    struct slice version, kind; /* "apps/v1", "Deployment"; empty where there is none */
    struct slice object;
    size_t images;         /* what looks like one in it, and is neither excluded nor in ECR */
    size_t images_in_pods; /* of them those that CONFIG_KINDS_ANY_POD_SPEC would judge */
};

/* Whether a kind's group is somebody's own: "example.com/v1", but not "v1" or "apps/v1". */
bool manifest_is_custom_kind(struct slice version);
/* Whether it is known to hold pods, and where. */
bool manifest_knows_kind(struct slice kind, struct slice version);

struct manifest_report {
    void (*image)(void *context, const struct manifest_image *image);
    void (*other)(void *context, const struct manifest_other *other);
    void *context;
};

/* Append `text` with its images rewritten to `out` (ceiling: at least 4 times the text and
 * 1 MiB), and report each image and each object of another kind in order, but for a bare null
 * and for objects of whose images none is left; `report` and its functions may be NULL. 0; or -1
 * with "LINE:COL: message" in error where the text is neither YAML nor JSON, is over a limit, or
 * doesn't fit into `out`: nothing is appended. Slices in reports are dead when the callback
 * returns.
 *
 * What is appended parses to the same tree but for the texts of the images that were reported
 * as OUTCOME_REWRITTEN (and of the aliases that mean them); rewriting it again changes nothing. */
int manifest_rewrite(const struct rule_set *rules, enum config_kinds kinds, struct slice text,
                     struct strbuf *out, const struct manifest_report *report, struct error *error);

#endif
