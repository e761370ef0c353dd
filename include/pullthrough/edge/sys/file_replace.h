/*
 * A whole file in place of another, so that nobody ever sees half of it.
 */
#ifndef PULLTHROUGH_EDGE_SYS_FILE_REPLACE_H
#define PULLTHROUGH_EDGE_SYS_FILE_REPLACE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

/* The new one is its owner's alone (0600), is on the disk before it takes the old one's place, and
 * is none at all where that fails: -1 with the reason. */
int file_replace(const char *path, struct slice text, struct error *error);

#endif
