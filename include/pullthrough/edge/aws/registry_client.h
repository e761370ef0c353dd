/*
 * One pull's first request at a container registry: a manifest; and whether it is there at all.
 *
 * Only https, only the host that is named: a redirect would take the login elsewhere.
 */
#ifndef PULLTHROUGH_EDGE_AWS_REGISTRY_CLIENT_H
#define PULLTHROUGH_EDGE_AWS_REGISTRY_CLIENT_H

#include "pullthrough/core/aws/registry_messages.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/edge/http/http_client.h"

#include <stdint.h>

struct registry_request {
    struct slice host;       /* "…dkr.ecr….amazonaws.com", maybe with a port */
    struct slice repository; /* "dockercache/library/alpine" */
    struct slice reference;  /* a tag or a digest */
    struct slice login;      /* what stands behind "Basic " */
    uint64_t timeout_ms;
};

struct registry_manifest {
    char digest[REGISTRY_DIGEST_BYTES];
    char media_type[128];
};

enum { REGISTRY_CLIENT_REFUSED = 1, REGISTRY_CLIENT_NO_ANSWER = 2 };

/* GET the manifest and compare it with its digest. 0; REGISTRY_CLIENT_REFUSED with *refusal saying
 * why; REGISTRY_CLIENT_NO_ANSWER, or -1 where asking again won't help, with the reason in error. */
int registry_client_manifest(struct http_client *http, const struct registry_request *request,
                             struct registry_manifest *manifest, struct registry_refusal *refusal,
                             struct error *error);

enum { REGISTRY_CLIENT_PROBE_MS = 2000, REGISTRY_CLIENT_NOT_ALIVE = 3 };

/* Whether the registry answers: GET https://HOST/v2/ without a login, on a connection of its own,
 * within timeout_ms from the look-up of its name on. 0: it does, with any status below 500 (401 is
 * what registries say to that). REGISTRY_CLIENT_NOT_ALIVE: 5xx, silence, no connection, or a
 * certificate that doesn't verify. -1: it wasn't asked (no host's name, the CA file, stopped). The
 * reason is in error. */
int registry_client_probe(struct http_client *http, struct slice host, uint64_t timeout_ms,
                          struct error *error);

#endif
