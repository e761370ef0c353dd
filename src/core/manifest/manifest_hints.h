/*
 * What looks like an image in a text that nobody has described. Part of
 * core/manifest/manifest_walk.
 */
#ifndef PULLTHROUGH_SRC_CORE_MANIFEST_HINTS_H
#define PULLTHROUGH_SRC_CORE_MANIFEST_HINTS_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/rules/rule_set.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether `text` is an image reference that is neither excluded nor in ECR already. */
bool manifest_looks_like_image(const struct rule_set *rules, struct slice text);

/* How many lines of a text (a manifest, a template of one, a program's configuration) say
 * "image: REFERENCE" in YAML or JSON. A reference counts with a "/", ":" or "@" in it: "image: x"
 * stands in too many texts of other kinds. */
size_t manifest_images_in_text(const struct rule_set *rules, struct slice text);

#endif
