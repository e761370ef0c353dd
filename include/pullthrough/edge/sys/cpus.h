/*
 * How many CPUs this process may use: its affinity mask and the quota of its cgroup
 * (v1 and v2), rounded up, at least 1.
 */
#ifndef PULLTHROUGH_EDGE_SYS_CPUS_H
#define PULLTHROUGH_EDGE_SYS_CPUS_H

unsigned cpus_allowed(void);

/* The quota alone, rounded up, 0 if there is none; `root` stands in front of /proc and of the
 * cgroup mount points ("": the real ones), so that tests can show other machines. */
unsigned cpus_quota(const char *root);

#endif
