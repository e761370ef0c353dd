/*
 * The keys that are built into what is running: a new value waits for the next start, and is named.
 */
#ifndef PULLTHROUGH_APP_SERVE_RESTART_KEYS_H
#define PULLTHROUGH_APP_SERVE_RESTART_KEYS_H

#include "pullthrough/core/config/config.h"

/* Log a warning for each of these keys that has another value in `config` than at the start. */
void restart_keys_warn(const struct config *started, const struct config *config);

#endif
