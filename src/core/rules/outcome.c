/*
 * One table in the order of the enum. The words are an interface (metrics, documents, scripts),
 * the sentences are not.
 */
#include "pullthrough/core/rules/outcome.h"

static const struct {
    const char *name, *explanation;
} words[OUTCOME_COUNT] = {
    [OUTCOME_REWRITTEN] = {"rewritten", "pulled through the cache"},
    [OUTCOME_NEVER_PULLED] = {"never-pulled",
                              "its pull policy is Never: it is on the node under this name only"},
    [OUTCOME_NOT_UPSTREAM] = {"not-upstream", "its registry is none of the configured upstreams"},
    [OUTCOME_INVALID] = {"invalid", "not a valid image reference"},
    [OUTCOME_ALREADY_ECR] = {"already-ecr", "already on an Amazon ECR registry"},
    [OUTCOME_EXCLUDED] = {"excluded", "matches a pattern of rewrite.exclude"},
    [OUTCOME_TAG_EXCLUDED] = {"tag-excluded", "its tag matches a pattern of rewrite.excludeTags"},
    [OUTCOME_DIGEST] = {"digest", "pinned by digest, and rewrite.digests is skip"},
    [OUTCOME_RULE_NOT_READY] = {"rule-not-ready",
                                "the upstream's pull-through-cache rule is not known to work"},
    [OUTCOME_TOO_LONG] = {"too-long", "the repository name would be over 255 bytes"},
    [OUTCOME_PULL_SECRETS] = {"pull-secrets",
                              "the pod names imagePullSecrets, and rewrite.pullSecrets is skip"},
    [OUTCOME_PULL_FAILED] = {"pull-failed", "a node could not pull it through the cache"},
    [OUTCOME_REGISTRY_DOWN] = {"registry-down", "nodes can't pull from the registry for now"},
    [OUTCOME_NOT_CACHED] = {"not-cached", "ECR doesn't hold it"},
    [OUTCOME_UNCHANGED_UPDATE] = {"unchanged-update", "the container keeps the image that it has"},
    [OUTCOME_SKIPPED_CONTAINER] = {"skipped-container",
                                   "an annotation of the pod opts this container out"},
    [OUTCOME_MIRROR_POD] = {"mirror-pod", "a static pod's mirror: changes never reach it"},
    [OUTCOME_SKIPPED_POD] = {"skipped-pod",
                             "the pod opts out, or rewrite.skipPods names its label"},
    [OUTCOME_SKIPPED_NAMESPACE] = {"skipped-namespace",
                                   "rewrite.skipNamespaces names the pod's namespace"},
};

const char *outcome_name(enum outcome outcome)
{
    return words[outcome].name;
}

const char *outcome_explanation(enum outcome outcome)
{
    return words[outcome].explanation;
}
