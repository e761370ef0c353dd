/*
 * What a registry says when it refuses a pull (OCI distribution specification, error codes), and
 * what that means when the registry is ECR and the image comes through a cache.
 *
 * ECR hides what a caller may not do: a missing permission looks like a missing repository or a
 * missing image (ECR user guide, troubleshooting pull-through caches).
 */
#ifndef PULLTHROUGH_CORE_AWS_REGISTRY_MESSAGES_H
#define PULLTHROUGH_CORE_AWS_REGISTRY_MESSAGES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

struct registry_refusal {
    int status;        /* HTTP */
    char code[64];     /* "NAME_UNKNOWN"; "" where there was none */
    char message[384]; /* of the first error, cut; without control characters; may be "" */
};

/* Never fails: what can't be read is left empty. */
void registry_messages_decode(struct registry_refusal *refusal, int status, struct slice body);

/* Whether the same request may go better in a few seconds. */
bool registry_messages_is_passing(const struct registry_refusal *refusal);

/* What to do about it, one or two sentences; static storage. `by_digest`: the pull named a digest.
 */
const char *registry_messages_advice(const struct registry_refusal *refusal, bool by_digest);

enum { REGISTRY_DIGEST_BYTES = sizeof("sha256:") + 64 };

/* The digest of a manifest, by its bytes. -1 with the reason where they are none (what a proxy
 * answers in the registry's name), or not the ones that `promised` says ("" where nobody did; one
 * of another algorithm is not compared). */
int registry_messages_digest(char digest[static REGISTRY_DIGEST_BYTES], struct slice body,
                             struct slice promised, struct error *error);

/* What manifests to ask for: the value of an Accept header. */
extern const char registry_messages_manifests[];

#endif
