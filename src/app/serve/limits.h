/*
 * How much the server may take of what the system gives: memory and descriptors.
 */
#ifndef PULLTHROUGH_APP_SERVE_LIMITS_H
#define PULLTHROUGH_APP_SERVE_LIMITS_H

#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/http/http_memory.h"

struct limits {
    struct http_memory memory; /* its connections are those of the webhook port */
    unsigned status_connections;
};

/* Raises the limit of descriptors; logs what was found, and a warning for each key of the
 * configuration that can't be kept. Once, before there are threads. */
struct limits limits_find(const struct config *config, unsigned threads);

#endif
