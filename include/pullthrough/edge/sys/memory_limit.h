/*
 * How much memory this process may use before the kernel kills it: the limit of its cgroup and of
 * those above it (v1 memory.limit_in_bytes, v2 memory.max; cgroups(7)).
 */
#ifndef PULLTHROUGH_EDGE_SYS_MEMORY_LIMIT_H
#define PULLTHROUGH_EDGE_SYS_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes; 0 if there is no limit. `root` stands in front of /proc and of the cgroup mount points
 * ("": the real ones), so that tests can show other machines. */
uint64_t memory_limit(const char *root);

#endif
