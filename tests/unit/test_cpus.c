#include "pullthrough/edge/sys/cpus.h"

#include "machine.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_quota_on_other_machines(void **state)
{
    static const struct {
        const char *name;
        unsigned want;
        struct machine_file files[MACHINE_FILES_MAX];
    } rows[] = {
        {"v2-container",
         2, /* 1.5, rounded up */
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/cpu.max", "150000 100000\n"}}},
        {"v2-no-limit",
         0,
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/cpu.max", "max 100000\n"}}},
        {"v2-parent",
         3, /* the container asks for 8, its pod has 3 */
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/kubepods.slice/pod1.slice/ctr.scope\n"},
          {"sys/fs/cgroup/kubepods.slice/cpu.max", "max 100000\n"},
          {"sys/fs/cgroup/kubepods.slice/pod1.slice/cpu.max", "300000 100000\n"},
          {"sys/fs/cgroup/kubepods.slice/pod1.slice/ctr.scope/cpu.max", "800000 100000\n"}}},
        {"v2-tenth",
         1,
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/cpu.max", "10000 100000\n"}}},
        {"v1-container",
         2, /* the host's path is seen, only a part is mounted */
         {{PROC_MOUNTS, ROOT_DISK "30 24 0:26 /kubepods/pod1/ctr /sys/fs/cgroup/cpu,cpuacct "
                                  "ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
                                  "31 24 0:27 /kubepods/pod1/ctr /sys/fs/cgroup/cpuset ro,nosuid - "
                                  "cgroup cgroup rw,cpuset\n"},
          {PROC_CGROUP, "5:cpuset:/kubepods/pod1/ctr\n"
                        "4:cpu,cpuacct:/kubepods/pod1/ctr\n"},
          {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"},
          {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"}}},
        {"v1-no-limit",
         0,
         {{PROC_MOUNTS, "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"},
          {PROC_CGROUP, "4:cpu,cpuacct:/a/b\n"},
          {"sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n"},
          {"sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n"}}},
        {"hybrid",
         4,
         {{PROC_MOUNTS, "30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                        "40 24 0:36 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
          {PROC_CGROUP, "1:cpu:/a\n"
                        "0::/a\n"},
          {"sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"},
          {"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "400000\n"}}},
        {"nonsense",
         0,
         {{PROC_MOUNTS, ROOT_DISK CGROUP_2 "-\n"
                                           " - \n"},
          {PROC_CGROUP, "0::/\n"
                        ":::\n"
                        "\n"
                        "x\n"},
          {"sys/fs/cgroup/cpu.max", "99999999999999999999999 0\n"}}},
        {"zero-period",
         0,
         {{PROC_MOUNTS, CGROUP_2},
          {PROC_CGROUP, "0::/\n"},
          {"sys/fs/cgroup/cpu.max", "100000 0\n"}}},
        {"nothing-there", 0, {{NULL, NULL}}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char root[MACHINE_ROOT_BYTES];
        unsigned got;

        machine_make(root, rows[i].files);
        got = cpus_quota(root);
        machine_remove(root);
        if (got != rows[i].want)
            fail_msg("%s: %llu", rows[i].name, (unsigned long long)got);
    }
}

static void test_affinity_is_respected(void **state)
{
    cpu_set_t before, one;
    size_t first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_in_range(cpus_allowed(), 1, CPU_COUNT(&before));
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(cpus_allowed(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota_on_other_machines),
        cmocka_unit_test(test_affinity_is_respected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
