/*
 * `pullthrough serve`: owns every part, starts them, waits for signals, takes them down
 * in reverse.
 */
#ifndef PULLTHROUGH_APP_SERVE_SERVICE_H
#define PULLTHROUGH_APP_SERVE_SERVICE_H

#include "pullthrough/core/base/error.h"

/* Runs with the configuration of a file (NULL: the defaults) until SIGTERM or SIGINT. 0; or
 * -1 with the reason in error when it could not start. The caller has no other threads. */
int service_run(const char *config_path, struct error *error);

#endif
