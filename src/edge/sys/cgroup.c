/*
 * A limit is read from the cgroup of this process and from every cgroup above it, since each of
 * them limits what is below; the least counts. Both hierarchies are looked at, because hybrid
 * systems mount both. What can't be read limits nothing: the answers only size pools.
 */
#include "cgroup.h"

#include "pullthrough/edge/sys/file.h"

enum {
    TABLE_MOST_BYTES = 1024 * 1024, /* mountinfo of a node with very many mounts */
    PATH_MOST_BYTES = 4096,
};

struct slice cgroup_take(struct slice *rest, char end)
{
    size_t len = slice_find(*rest, end);
    struct slice head = slice_of(rest->ptr, len);

    *rest = slice_from(*rest, len < rest->len ? len + 1 : len);
    return head;
}

static bool list_has(struct slice list, const char *word)
{
    while (list.len)
        if (slice_is(cgroup_take(&list, ','), word))
            return true;
    return false;
}

bool cgroup_number(struct slice text, uint64_t *number)
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

bool cgroup_read(const char *root, struct slice directory, const char *name, struct strbuf *text)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MOST_BYTES);

    strbuf_clear(text);
    strbuf_add_str(&path, root);
    strbuf_add_slice(&path, directory);
    strbuf_add_char(&path, '/');
    strbuf_add_str(&path, name);
    return !strbuf_overflowed(&path) && file_read(strbuf_str(&path), text, NULL) == 0;
}

uint64_t cgroup_lesser(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

struct search {
    const char *root, *controller;
    cgroup_limit limit;
    struct slice cgroup; /* /proc/self/cgroup */
};

/* The least limit from the cgroup at mount_point/path up to the mount point. */
static uint64_t limit_upwards(const struct search *search, struct slice mount_point,
                              struct slice path, enum cgroup_version version)
{
    STRBUF_CLEANUP struct strbuf directory = STRBUF_INIT(PATH_MOST_BYTES);
    uint64_t found = 0;

    strbuf_add_slice(&directory, mount_point);
    strbuf_add_slice(&directory, path);
    if (strbuf_overflowed(&directory))
        return 0;
    for (;;) {
        size_t parent = slice_find_last(strbuf_slice(&directory), '/');

        found =
            cgroup_lesser(found, search->limit(search->root, strbuf_slice(&directory), version));
        if (directory.len <= mount_point.len || parent == directory.len)
            return found;
        strbuf_truncate(&directory, parent);
    }
}

/* The path of our cgroup: a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup (cgroups(7)). */
static bool own_path(const struct search *search, enum cgroup_version version, struct slice *path)
{
    struct slice cgroup = search->cgroup;

    while (cgroup.len) {
        struct slice line = cgroup_take(&cgroup, '\n');
        struct slice id = cgroup_take(&line, ':'), controllers = cgroup_take(&line, ':');

        if (version == CGROUP_V2 ? slice_is(id, "0") && controllers.len == 0
                                 : list_has(controllers, search->controller)) {
            *path = line;
            return true;
        }
    }
    return false;
}

/* What one line of /proc/self/mountinfo (proc(5)) adds, if it mounts a cgroup hierarchy. */
static uint64_t limit_of_mount(const struct search *search, struct slice line)
{
    struct slice fields[5] = {{0}}, type, path;
    enum cgroup_version version;

    for (size_t i = 0; i < 5; i++)
        fields[i] = cgroup_take(&line, ' '); /* 3: which part is mounted; 4: where */
    while (line.len && !slice_is(cgroup_take(&line, ' '), "-"))
        continue;
    type = cgroup_take(&line, ' ');
    (void)cgroup_take(&line, ' ');
    if (slice_is(type, "cgroup2"))
        version = CGROUP_V2;
    else if (slice_is(type, "cgroup") && list_has(line, search->controller))
        version = CGROUP_V1;
    else
        return 0;
    if (!own_path(search, version, &path))
        return 0;
    /* Without a cgroup namespace a container sees its host path, but mounts only its part. */
    if (!slice_is(fields[3], "/") && slice_starts_with(path, fields[3]))
        path = slice_from(path, fields[3].len);
    if (slice_is(path, "/"))
        path = slice_of(NULL, 0);
    return limit_upwards(search, fields[4], path, version);
}

uint64_t cgroup_least(const char *root, const char *controller, cgroup_limit limit)
{
    STRBUF_CLEANUP struct strbuf cgroup = STRBUF_INIT(TABLE_MOST_BYTES);
    STRBUF_CLEANUP struct strbuf mounts = STRBUF_INIT(TABLE_MOST_BYTES);
    struct search search = {.root = root, .controller = controller, .limit = limit};
    struct slice proc = slice_str("/proc/self"), rest;
    uint64_t found = 0;

    if (!cgroup_read(root, proc, "cgroup", &cgroup) ||
        !cgroup_read(root, proc, "mountinfo", &mounts))
        return 0;
    search.cgroup = strbuf_slice(&cgroup);
    rest = strbuf_slice(&mounts);
    while (rest.len)
        found = cgroup_lesser(found, limit_of_mount(&search, cgroup_take(&rest, '\n')));
    return found;
}
