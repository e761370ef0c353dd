/*
 * Private to verify_pod.c and command_verify.c: the pull by a node.
 */
#ifndef PULLTHROUGH_SRC_APP_VERIFY_POD_H
#define PULLTHROUGH_SRC_APP_VERIFY_POD_H

#include "command.h"

#include <stdbool.h>
#include <stdint.h>

/* Wait until the node has pulled the image of a container of a pod of our own namespace, named
 * "POD/CONTAINER", and print what came of it. The exit status: EXIT_FINE pulled, EXIT_NEGATIVE not,
 * EXIT_FAILED nobody could be asked. */
int verify_pod(const char *where, uint64_t timeout_ms, enum command_output output);

#endif
