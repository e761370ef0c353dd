#include "pullthrough/edge/sys/memory_limit.h"

#include "machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_limits_of_other_machines(void **state)
{
    static const struct {
        const char *name;
        uint64_t want_mib;
        struct machine_file files[MACHINE_FILES_MAX];
    } rows[] = {
        {"v2-container",
         256,
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/memory.max", "268435456\n"}}},
        {"v2-no-limit",
         0, /* "max" */
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/memory.max", "max\n"}}},
        {"v2-parent",
         128, /* the container has none, its pod has */
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/kubepods.slice/pod1.slice/ctr.scope\n"},
          {"sys/fs/cgroup/kubepods.slice/memory.max", "1073741824\n"},
          {"sys/fs/cgroup/kubepods.slice/pod1.slice/ctr.scope/memory.max", "max\n"},
          {"sys/fs/cgroup/kubepods.slice/pod1.slice/memory.max", "134217728\n"}}},
        {"v1-container",
         192,
         {{PROC_MOUNTS, ROOT_DISK "30 24 0:26 /kubepods/pod1/ctr /sys/fs/cgroup/memory ro,nosuid - "
                                  "cgroup cgroup rw,memory\n"
                                  "31 24 0:27 /kubepods/pod1/ctr /sys/fs/cgroup/cpuset ro,nosuid - "
                                  "cgroup cgroup rw,cpuset\n"},
          {PROC_CGROUP, "5:cpuset:/kubepods/pod1/ctr\n"
                        "4:memory:/kubepods/pod1/ctr\n"},
          {"sys/fs/cgroup/memory/memory.limit_in_bytes", "201326592\n"}}},
        {"v1-no-limit",
         0, /* the largest number of whole pages */
         {{PROC_MOUNTS, ROOT_DISK "30 24 0:26 /kubepods/pod1/ctr /sys/fs/cgroup/memory ro,nosuid - "
                                  "cgroup cgroup rw,memory\n"
                                  "31 24 0:27 /kubepods/pod1/ctr /sys/fs/cgroup/cpuset ro,nosuid - "
                                  "cgroup cgroup rw,cpuset\n"},
          {PROC_CGROUP, "4:memory:/kubepods/pod1/ctr\n"},
          {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}}},
        {"nonsense",
         0,
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/memory.max", "-5 MiB\n"}}},
        {"nothing-there", 0, {{NULL, NULL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char root[MACHINE_ROOT_BYTES];
        uint64_t got;

        machine_make(root, rows[i].files);
        got = memory_limit(root);
        machine_remove(root);
        if (got != rows[i].want_mib << 20)
            fail_msg("%s: %llu", rows[i].name, (unsigned long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_other_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
