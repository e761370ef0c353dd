/*
 * The CPU quota is read from the cgroup of this process and from every cgroup above it, since
 * each of them limits what is below; the least counts. Both hierarchies are looked at, because
 * hybrid systems mount both. What can't be read limits nothing: the answer only sizes a pool.
 */
#include "pullthrough/edge/cpus.h"

#include "pullthrough/core/slice.h"
#include "pullthrough/core/strbuf.h"
#include "pullthrough/edge/file.h"

#include <sched.h>
#include <stdlib.h>

enum {
    TABLE_MOST_BYTES = 1024 * 1024, /* mountinfo of a node with very many mounts */
    PATH_MOST_BYTES = 4096,
    NUMBERS_MOST_BYTES = 256,
    CPUS_MOST = 1 << 16,
};

enum version { V1, V2 };

/* Take everything up to `end` (or all) off the front of *rest. */
static struct slice take(struct slice *rest, char end)
{
    size_t len = slice_find(*rest, end);
    struct slice head = slice_of(rest->ptr, len);

    *rest = slice_from(*rest, len < rest->len ? len + 1 : len);
    return head;
}

static bool list_has(struct slice list, const char *word)
{
    while (list.len)
        if (slice_is(take(&list, ','), word))
            return true;
    return false;
}

/* A whole non-negative decimal number; false for anything else ("max", "-1"). */
static bool parse_number(struct slice text, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || value > UINT64_MAX / 100)
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *number = value;
    return text.len > 0;
}

/* Read root/directory/name; false if that can't be done. */
static bool read_under(const char *root, struct slice directory, const char *name,
                       struct strbuf *text)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MOST_BYTES);

    strbuf_clear(text);
    strbuf_add_str(&path, root);
    strbuf_add_slice(&path, directory);
    strbuf_add_char(&path, '/');
    strbuf_add_str(&path, name);
    return !strbuf_overflowed(&path) && file_read(strbuf_str(&path), text, NULL) == 0;
}

static unsigned quota_of(const char *root, struct slice directory, enum version version)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(NUMBERS_MOST_BYTES);
    struct slice rest, first, second;
    uint64_t quota, period, cpus;

    if (!read_under(root, directory, version == V2 ? "cpu.max" : "cpu.cfs_quota_us", &text))
        return 0;
    rest = strbuf_slice(&text);
    first = take(&rest, version == V2 ? ' ' : '\n');
    if (!parse_number(first, &quota) || quota == 0)
        return 0;
    if (version == V1) {
        if (!read_under(root, directory, "cpu.cfs_period_us", &text))
            return 0;
        rest = strbuf_slice(&text);
    }
    second = take(&rest, '\n');
    if (!parse_number(second, &period) || period == 0)
        return 0;
    cpus = quota / period + (quota % period ? 1 : 0);
    return cpus < CPUS_MOST ? (unsigned)cpus : CPUS_MOST;
}

static unsigned least(unsigned a, unsigned b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* The least quota from the cgroup at mount_point/path up to the mount point. */
static unsigned quota_upwards(const char *root, struct slice mount_point, struct slice path,
                              enum version version)
{
    STRBUF_CLEANUP struct strbuf directory = STRBUF_INIT(PATH_MOST_BYTES);
    unsigned found = 0;

    strbuf_add_slice(&directory, mount_point);
    strbuf_add_slice(&directory, path);
    if (strbuf_overflowed(&directory))
        return 0;
    for (;;) {
        size_t parent = slice_find_last(strbuf_slice(&directory), '/');

        found = least(found, quota_of(root, strbuf_slice(&directory), version));
        if (directory.len <= mount_point.len || parent == directory.len)
            return found;
        strbuf_truncate(&directory, parent);
    }
}

/* The path of our cgroup: a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup (cgroups(7)). */
static bool own_path(struct slice cgroup, enum version version, struct slice *path)
{
    while (cgroup.len) {
        struct slice line = take(&cgroup, '\n');
        struct slice id = take(&line, ':'), controllers = take(&line, ':');

        if (version == V2 ? slice_is(id, "0") && controllers.len == 0
                          : list_has(controllers, "cpu")) {
            *path = line;
            return true;
        }
    }
    return false;
}

/* What one line of /proc/self/mountinfo (proc(5)) adds, if it mounts a cgroup hierarchy. */
static unsigned quota_of_mount(const char *root, struct slice line, struct slice cgroup)
{
    struct slice fields[5] = {{0}}, type, path;
    enum version version;

    for (size_t i = 0; i < 5; i++)
        fields[i] = take(&line, ' '); /* 3: which part is mounted; 4: where */
    while (line.len && !slice_is(take(&line, ' '), "-"))
        continue;
    type = take(&line, ' ');
    (void)take(&line, ' ');
    if (slice_is(type, "cgroup2"))
        version = V2;
    else if (slice_is(type, "cgroup") && list_has(line, "cpu"))
        version = V1;
    else
        return 0;
    if (!own_path(cgroup, version, &path))
        return 0;
    /* Without a cgroup namespace a container sees its host path, but mounts only its part. */
    if (!slice_is(fields[3], "/") && slice_starts_with(path, fields[3]))
        path = slice_from(path, fields[3].len);
    if (slice_is(path, "/"))
        path = slice_of(NULL, 0);
    return quota_upwards(root, fields[4], path, version);
}

unsigned cpus_quota(const char *root)
{
    STRBUF_CLEANUP struct strbuf cgroup = STRBUF_INIT(TABLE_MOST_BYTES);
    STRBUF_CLEANUP struct strbuf mounts = STRBUF_INIT(TABLE_MOST_BYTES);
    struct slice proc = slice_str("/proc/self"), rest;
    unsigned found = 0;

    if (!read_under(root, proc, "cgroup", &cgroup) || !read_under(root, proc, "mountinfo", &mounts))
        return 0;
    rest = strbuf_slice(&mounts);
    while (rest.len)
        found = least(found, quota_of_mount(root, take(&rest, '\n'), strbuf_slice(&cgroup)));
    return found;
}

/* A mask that is too small for the machine's CPU numbers is refused: ask with a larger one. */
static unsigned cpus_affinity(void)
{
    for (int cpus = 1024; cpus <= CPUS_MOST; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        size_t bytes = CPU_ALLOC_SIZE((size_t)cpus);
        int count = 0;

        if (!set)
            abort();
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
    return least(cpus_affinity(), cpus_quota(""));
}
