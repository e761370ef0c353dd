/*
 * Shell-like patterns over whole texts: "*" is any run of bytes, "/" too, "?" is any
 * one byte, everything else is itself.
 */
#ifndef PULLTHROUGH_CORE_IMAGE_GLOB_H
#define PULLTHROUGH_CORE_IMAGE_GLOB_H

#include "pullthrough/core/base/slice.h"

#include <stdbool.h>

/* Time is at most pattern length times text length, whatever the pattern. */
bool glob_match(struct slice pattern, struct slice text);

#endif
