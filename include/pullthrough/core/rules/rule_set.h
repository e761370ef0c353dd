/*
 * The rule set: the immutable table that the request path reads. For each upstream its
 * names, its target and whether it may be rewritten now; and everything else that
 * rewriting is told by the configuration.
 *
 * Built whole and never changed, so that any number of threads may read it; whoever holds it
 * for them frees it.
 */
#ifndef PULLTHROUGH_CORE_RULES_RULE_SET_H
#define PULLTHROUGH_CORE_RULES_RULE_SET_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/image/image_ref.h"
#include "pullthrough/core/rules/upstream_status.h"

#include <stdbool.h>
#include <stddef.h>

struct rule_set;

/* What the rule set needs to know beside the configuration. */
struct rule_set_facts {
    struct slice host; /* pull host; empty while it is not known: nothing is ready then */
    /* One for each config->upstreams[i]; NULL: all may be rewritten. */
    const struct upstream_status *statuses;
    bool all_cached; /* nobody can be asked: what ECR doesn't hold is rewritten, too */
};

/* Copies what it needs of both. */
struct rule_set *rule_set_new(const struct config *config, const struct rule_set_facts *facts);
void rule_set_free(struct rule_set *rules); /* NULL is allowed */

/* The upstream whose registry or alias is exactly `domain`, or -1. Only enabled ones count. */
int rule_set_find(const struct rule_set *rules, struct slice domain);
/* The same, or else one that is switched off. */
int rule_set_find_any(const struct rule_set *rules, struct slice domain);

size_t rule_set_upstreams(const struct rule_set *rules);
struct slice rule_set_registry(const struct rule_set *rules, int upstream); /* "docker.io" */
struct slice rule_set_prefix(const struct rule_set *rules, int upstream);   /* "dockercache" */
size_t rule_set_longest_prefix(const struct rule_set *rules);               /* bytes */
bool rule_set_is_ready(const struct rule_set *rules, int upstream);
struct slice rule_set_host(const struct rule_set *rules);
/* What takes an image of a ready upstream another way, as long as the rule set lives; or NULL. */
const char *rule_set_taken(const struct rule_set *rules, const struct image_ref *ref, int upstream);

bool rule_set_rewrites_digests(const struct rule_set *rules);
/* Cached mode: whether an image with or without a digest goes to ECR only where ECR holds it. */
bool rule_set_asks_cache(const struct rule_set *rules, bool has_digest);
bool rule_set_skips_pull_secrets(const struct rule_set *rules); /* pods that name some */
bool rule_set_records_originals(const struct rule_set *rules);
bool rule_set_warns(const struct rule_set *rules);

/* rewrite.exclude: patterns without "/" against the image as written ... */
bool rule_set_excludes_text(const struct rule_set *rules, struct slice text);
/* ... and the others against the normalised name, by the registry that was written and
 * by the upstream's own name (upstream >= 0). */
bool rule_set_excludes_name(const struct rule_set *rules, const struct image_ref *ref,
                            int upstream);
/* rewrite.excludeTags, against the tag or the "latest" that no tag stands for. Where there is a
 * digest, no: what it names can't move. */
bool rule_set_excludes_tag(const struct rule_set *rules, const struct image_ref *ref);

bool rule_set_skips_namespace(const struct rule_set *rules, struct slice name);
/* rewrite.skipPods: how many there are, and whether a label is the key of number i and has a
 * value that it skips. */
enum rule_set_label { RULE_SET_LABEL_OTHER, RULE_SET_LABEL_KEPT, RULE_SET_LABEL_SKIPPED };
size_t rule_set_skip_labels(const struct rule_set *rules);
enum rule_set_label rule_set_skip_label(const struct rule_set *rules, size_t i, struct slice key,
                                        struct slice value);

#endif
