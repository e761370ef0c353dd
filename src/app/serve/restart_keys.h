/*
 * The keys that are built into what is running, as it started with them: a new value waits
 * for the next start, and is named.
 */
#ifndef PULLTHROUGH_APP_SERVE_RESTART_KEYS_H
#define PULLTHROUGH_APP_SERVE_RESTART_KEYS_H

#include "pullthrough/core/config/config.h"

struct restart_keys {
    char *webhook, *status; /* listen.*; owned */
    struct config_server server;
    enum config_log_format format;
};

void restart_keys_init(struct restart_keys *keys, const struct config *config);
void restart_keys_fini(struct restart_keys *keys);

/* Log a warning for each key of `config` that has another value than at the start. */
void restart_keys_warn(const struct restart_keys *keys, const struct config *config);

#endif
