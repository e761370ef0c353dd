/* What /proc and /sys hold on other machines, for what reads them below a root of one's own. */
#ifndef PULLTHROUGH_TESTS_UNIT_MACHINE_H
#define PULLTHROUGH_TESTS_UNIT_MACHINE_H

enum { MACHINE_FILES_MAX = 5, MACHINE_ROOT_BYTES = 64 };

#define PROC_MOUNTS "proc/self/mountinfo"
#define PROC_CGROUP "proc/self/cgroup"
#define ROOT_DISK   "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
#define CGROUP_2                                                                                   \
    "24 1 0:22 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 "       \
    "rw,nsdelegate\n"

struct machine_file {
    const char *path, *text; /* the path is below the root; NULL after the last, if it isn't full */
};

/* Makes a temporary folder with up to MACHINE_FILES_MAX files, and fills in its path. */
void machine_make(char *root, const struct machine_file *files);
/* Removes it. */
void machine_remove(const char *root);

#endif
