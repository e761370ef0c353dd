/*
 * The registries that ECR can cache: its fixed list of upstreams, and which of them want
 * credentials (ECR user guide, "Sync an upstream registry with an Amazon ECR private
 * registry").
 */
#ifndef PULLTHROUGH_CORE_IMAGE_KNOWN_UPSTREAMS_H
#define PULLTHROUGH_CORE_IMAGE_KNOWN_UPSTREAMS_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

enum { KNOWN_UPSTREAM_ALIASES = 2 };

struct known_upstream {
    const char *registry;                            /* domain of its images; NULL: it is the URL */
    const char *aliases[KNOWN_UPSTREAM_ALIASES + 1]; /* older and second names, then NULL */
    const char *url;             /* upstreamRegistryUrl; NULL: NAME.azurecr.io */
    const char *prefix, *secret; /* our presets; NULL: there is no sensible one */
    bool credentials;            /* ECR wants them; otherwise it refuses them */
};

/* The upstream of an upstreamRegistryUrl, byte for byte; NULL where ECR has none. Static. */
const struct known_upstream *known_upstream_find(struct slice url);

/* Whether ECR takes a rule for this URL only with a credential. */
bool known_upstream_needs_credential(struct slice url);

/* The URL that images of `domain` come from, as far as that is known to everybody; empty where
 * it isn't. Static, or `domain` itself. */
struct slice known_upstream_url(struct slice domain);

/* All URLs, for a message. */
extern const char known_upstream_urls[];

#endif
