/*
 * What became of one image. Metrics, the command line and the documents all use the
 * words of outcome_name().
 */
#ifndef PULLTHROUGH_CORE_RULES_OUTCOME_H
#define PULLTHROUGH_CORE_RULES_OUTCOME_H

enum outcome {
    OUTCOME_REWRITTEN,
    OUTCOME_NEVER_PULLED,      /* pull policy Never */
    OUTCOME_NOT_UPSTREAM,      /* its registry is none that we rewrite */
    OUTCOME_INVALID,           /* not a reference; kubelet will say so */
    OUTCOME_ALREADY_ECR,       /* any ECR host form, any account, or our own target host */
    OUTCOME_EXCLUDED,          /* a glob of rewrite.exclude */
    OUTCOME_TAG_EXCLUDED,      /* a glob of rewrite.excludeTags */
    OUTCOME_DIGEST,            /* pinned by digest, and rewrite.digests is skip */
    OUTCOME_RULE_NOT_READY,    /* no ECR rule is known to work for it */
    OUTCOME_TOO_LONG,          /* the repository name would be over 255 bytes */
    OUTCOME_PULL_SECRETS,      /* rewrite.pullSecrets: skip, and the pod names some */
    OUTCOME_PULL_FAILED,       /* a node could not pull it from the cache: this pod's, or another */
    OUTCOME_REGISTRY_DOWN,     /* nodes can't pull anything from there */
    OUTCOME_NOT_CACHED,        /* cached mode: ECR doesn't hold it yet */
    OUTCOME_UNCHANGED_UPDATE,  /* an update; the container keeps the image that it has */
    OUTCOME_SKIPPED_CONTAINER, /* opt-out annotation of one container */
    OUTCOME_MIRROR_POD,        /* a static pod's mirror: changes never reach the container */
    OUTCOME_SKIPPED_POD,       /* opted out, or owned by an operator that compares images */
    OUTCOME_SKIPPED_NAMESPACE, /* rewrite.skipNamespaces */
};

enum { OUTCOME_COUNT = OUTCOME_SKIPPED_NAMESPACE + 1 };

/* "rewritten", "not-upstream", ...; static storage. */
const char *outcome_name(enum outcome outcome);

/* The same for a person, read on after the image and a colon; static storage. */
const char *outcome_explanation(enum outcome outcome);

#endif
