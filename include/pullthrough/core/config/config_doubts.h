/*
 * What is valid in a configuration and surely not meant.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_DOUBTS_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_DOUBTS_H

#include "pullthrough/core/config/config.h"

/* One doubt, a sentence without a full stop; dead after the call. */
typedef void (*config_doubt_fn)(void *context, const char *doubt);

void config_doubts(const struct config *config, const struct config_environment *environment,
                   config_doubt_fn tell, void *context);

#endif
