/*
 * Where in Kubernetes objects the images of pods are.
 */
#ifndef PULLTHROUGH_CORE_MANIFEST_MANIFEST_WALK_H
#define PULLTHROUGH_CORE_MANIFEST_MANIFEST_WALK_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/manifest/manifest.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/core/yaml/yaml_lookup.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>

/* Dead when the callback returns. */
struct manifest_place {
    size_t document; /* from 1 */
    struct slice kind, object, namespace;
    size_t pod;
    const char *path;
    struct slice container; /* name of the container or volume */
    struct yaml_found image;
    enum outcome gate; /* OUTCOME_REWRITTEN, or why it is left alone whatever it says */
    struct slice pull_policy, image_id;
    struct slice owner_version, owner_kind;
    bool names_pull_secrets;
    bool skips_rewritten; /* OUTCOME_PULL_SECRETS holds for what would be rewritten */
    bool other_kind;      /* the pod is one only for CONFIG_KINDS_ANY_POD_SPEC, and not asked for */
};

struct manifest_visitor {
    void (*image)(void *context, const struct manifest_place *place);
    void (*other)(void *context, const struct manifest_other *other);
    void *context;
};

/* Where a text stands in the input that it is a piece of. The zero value: it is all of it. */
struct manifest_piece {
    size_t document;     /* documents before it */
    size_t line, column; /* before its first byte, from 0 */
    size_t pods;         /* before it; counted on */
    size_t objects;      /* of a kind, lists among them; counted on */
    bool goes_on;        /* one of the lists is a page of a longer one; stays set */
    bool is_item;        /* of a list, which is of this kind as far as that is known */
    size_t index;        /* in the list, from 0 */
    struct slice kind, version;
};

/* Whether objects of this kind are lists of others. */
bool manifest_is_list(struct slice kind);

/* Visit every image and every object of a kind that isn't known, in order: documents, items of
 * lists; containers, initContainers, volumes. -1 with "LINE:COL: message" in error where
 * aliases multiply the text beyond reason. */
int manifest_walk(const struct yaml_tree *tree, const struct rule_set *rules,
                  enum config_kinds kinds, const struct manifest_visitor *visitor,
                  struct manifest_piece *piece, struct error *error);

#endif
