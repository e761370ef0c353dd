/*
 * How many CPUs this process may use: its affinity mask and the quota of its cgroup
 * (v1 and v2), rounded up, at least 1.
 */
#ifndef PULLTHROUGH_EDGE_CPUS_H
#define PULLTHROUGH_EDGE_CPUS_H

unsigned cpus_allowed(void);

#endif
