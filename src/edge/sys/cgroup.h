/*
 * Where the cgroups of this process are, shared by what reads a limit there and by nobody else.
 */
#ifndef PULLTHROUGH_SRC_EDGE_CGROUP_H
#define PULLTHROUGH_SRC_EDGE_CGROUP_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum cgroup_version { CGROUP_V1, CGROUP_V2 };

/* The limit that one cgroup sets: its folder is root/directory. 0: none. */
typedef uint64_t (*cgroup_limit)(const char *root, struct slice directory,
                                 enum cgroup_version version);

/* The least limit of this process's cgroup and of every one above it, in both hierarchies; 0: none.
 * `controller` is v1's name ("cpu"). `root` stands in front of /proc and of the mount points. */
uint64_t cgroup_least(const char *root, const char *controller, cgroup_limit limit);

/* Read root/directory/name; false if that can't be done. */
bool cgroup_read(const char *root, struct slice directory, const char *name, struct strbuf *text);
/* Take everything up to `end` (or all) off the front of *rest. */
struct slice cgroup_take(struct slice *rest, char end);
/* A whole non-negative decimal number; false for anything else ("max", "-1"). */
bool cgroup_number(struct slice text, uint64_t *number);
/* 0 is not a limit. */
uint64_t cgroup_lesser(uint64_t a, uint64_t b);

#endif
