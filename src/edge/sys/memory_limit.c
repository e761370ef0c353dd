/*
 * v1 has no word for "no limit": it shows the largest number of whole pages. Whatever no machine
 * has counts as none.
 */
#include "pullthrough/edge/sys/memory_limit.h"

#include "cgroup.h"

enum { NUMBER_MOST_BYTES = 64 };

static const uint64_t NO_MACHINE_HAS = UINT64_C(1) << 60;

static uint64_t limit_of(const char *root, struct slice directory, enum cgroup_version version)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(NUMBER_MOST_BYTES);
    struct slice rest;
    uint64_t bytes;

    if (!cgroup_read(root, directory, version == CGROUP_V2 ? "memory.max" : "memory.limit_in_bytes",
                     &text))
        return 0;
    rest = strbuf_slice(&text);
    if (!cgroup_number(cgroup_take(&rest, '\n'), &bytes))
        return 0;
    return bytes < NO_MACHINE_HAS ? bytes : 0;
}

uint64_t memory_limit(const char *root)
{
    return cgroup_least(root, "memory", limit_of);
}
