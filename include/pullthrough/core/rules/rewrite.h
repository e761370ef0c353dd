/*
 * One image: what becomes of it, and its new text.
 *
 * rewrite_image() is idempotent: what it has rewritten is OUTCOME_ALREADY_ECR the next
 * time. It parses and prints parts; it never edits the text, never adds ":latest".
 */
#ifndef PULLTHROUGH_CORE_RULES_REWRITE_H
#define PULLTHROUGH_CORE_RULES_REWRITE_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/image/image_ref.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/rule_set.h"

enum {
    /* Bytes of a repository name: ECR takes 256 (API, repositoryName), but kubelet could not
     * parse more than the grammar's 255. */
    REWRITE_REPOSITORY_MAX = IMAGE_REF_PATH_MAX,
    /* The longest result: host 253 + port 6, "/", repository, ":" and tag 128, "@" and
     * digest 135. */
    REWRITE_TEXT_MAX = 259 + 1 + REWRITE_REPOSITORY_MAX + 129 + 136,
};

struct rewrite_verdict {
    enum outcome outcome;
    int upstream; /* index in the rule set, -1 where the image has none */
    /* The grammar's complaint for OUTCOME_INVALID (static); what takes the image another way, where
     * that is why a rule isn't ready for it (the rule set's); else NULL. */
    const char *reason;
};

/* Judge `text`. Only for OUTCOME_REWRITTEN the new text is appended to `out`, whose ceiling
 * must leave REWRITE_TEXT_MAX bytes. */
struct rewrite_verdict rewrite_image(const struct rule_set *rules, struct slice text,
                                     struct strbuf *out);

/* The text that `text` has in the cache by host, prefixes and aliases alone: whatever exclusions,
 * digests and the state of rules say now, and of upstreams that are switched off too. False, with
 * nothing appended, where it has none. `out` as above. */
bool rewrite_static(const struct rule_set *rules, struct slice text, struct strbuf *out);

/* An image in ECR's own terms. */
struct rewrite_name {
    struct slice repository;  /* "dockercache/library/nginx" */
    struct slice tag, digest; /* "1.27", "sha256:..."; either may be empty, not both */
};

/* Of a rewritten text without host and "/". Slices into it; without tag and digest the tag is
 * "latest". */
struct rewrite_name rewrite_name_of(struct slice text);

/* Whether `rewritten` may be what some host and prefix made of `text`: it ends in the same path,
 * tag and digest. */
bool rewrite_may_be_of(struct slice rewritten, struct slice text);

/* The upstream whose images are rewritten to such as `image`: below our host and its prefix. It may
 * be switched off; -1 if none. *name: what is below the host, "dockercache/library/nginx:1.27". */
int rewrite_upstream_of(const struct rule_set *rules, struct slice image, struct slice *name);

#endif
