/*
 * The quota of the cgroups (edge/sys/cgroup.h), and the mask of CPUs that the scheduler goes by.
 */
#include "pullthrough/edge/sys/cpus.h"

#include "cgroup.h"
#include "pullthrough/core/base/alloc.h"

#include <sched.h>

enum {
    NUMBERS_MOST_BYTES = 256,
    CPUS_MOST = 1 << 16,
};

static uint64_t quota_of(const char *root, struct slice directory, enum cgroup_version version)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(NUMBERS_MOST_BYTES);
    struct slice rest, first, second;
    uint64_t quota, period, cpus;

    if (!cgroup_read(root, directory, version == CGROUP_V2 ? "cpu.max" : "cpu.cfs_quota_us", &text))
        return 0;
    rest = strbuf_slice(&text);
    first = cgroup_take(&rest, version == CGROUP_V2 ? ' ' : '\n');
    if (!cgroup_number(first, &quota) || quota == 0)
        return 0;
    if (version == CGROUP_V1) {
        if (!cgroup_read(root, directory, "cpu.cfs_period_us", &text))
            return 0;
        rest = strbuf_slice(&text);
    }
    second = cgroup_take(&rest, '\n');
    if (!cgroup_number(second, &period) || period == 0)
        return 0;
    cpus = quota / period + (quota % period ? 1 : 0);
    return cpus < CPUS_MOST ? cpus : CPUS_MOST;
}

unsigned cpus_quota(const char *root)
{
    return (unsigned)cgroup_least(root, "cpu", quota_of);
}

/* A mask that is too small for the machine's CPU numbers is refused: ask with a larger one. */
static unsigned cpus_affinity(void)
{
    for (int cpus = 1024; cpus <= CPUS_MOST; cpus *= 2) {
        cpu_set_t *set = alloc_made(CPU_ALLOC((size_t)cpus));
        size_t bytes = CPU_ALLOC_SIZE((size_t)cpus);
        int count = 0;

        CPU_ZERO_S(bytes, set);
        if (sched_getaffinity(0, bytes, set) == 0)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (count > 0)
            return (unsigned)count;
    }
    return 1;
}

unsigned cpus_allowed(void)
{
    return (unsigned)cgroup_lesser(cpus_affinity(), cpus_quota(""));
}
