/*
 * A piece of a manifest that is only looked at. Part of core/manifest/manifest_stream.
 */
#ifndef PULLTHROUGH_SRC_CORE_MANIFEST_JUDGE_H
#define PULLTHROUGH_SRC_CORE_MANIFEST_JUDGE_H

#include "manifest_walk.h"
#include "pullthrough/core/manifest/manifest.h"

/* What manifest_rewrite() reports of `text`, with the places that it has in the whole input;
 * nothing is written. -1 with "LINE:COL: message" in error; what was reported before holds. */
int manifest_judge(const struct rule_set *rules, enum config_kinds kinds, struct slice text,
                   struct manifest_piece *piece, const struct manifest_report *report,
                   struct error *error);

#endif
