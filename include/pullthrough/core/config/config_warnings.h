/*
 * What is valid in a configuration and surely not meant.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_WARNINGS_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_WARNINGS_H

#include "pullthrough/core/config/config.h"

/* One warning, a sentence without a full stop; dead after the call. */
typedef void (*config_warning_fn)(void *context, const char *warning);

void config_warnings(const struct config *config, const struct config_environment *environment,
                     config_warning_fn tell, void *context);

#endif
