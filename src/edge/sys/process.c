/*
 * /proc/self/stat and friends, read each time they are asked for; only the start stays as it was.
 */
#include "pullthrough/edge/sys/process.h"

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/edge/sys/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PROC_FILE_MAX = 64 * 1024, NS = 1000000000 };

/* proc(5): 14 utime, 15 stime, 22 starttime, 23 vsize, 24 rss. Field 2 may hold spaces and
 * parentheses, so counting starts behind its last ")". */
static void read_stat(struct process_facts *facts, double *start_after_boot_s)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(PROC_FILE_MAX);
    unsigned long long user = 0, system = 0, start = 0, size = 0, pages = 0;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    const char *rest;

    if (file_read("/proc/self/stat", &text, NULL))
        return;
    rest = strrchr(strbuf_str(&text), ')');
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
                        "%*d %*d %llu %llu %llu",
                        &user, &system, &start, &size, &pages) != 5)
        return;
    facts->cpu_s = (double)(user + system) / ticks;
    *start_after_boot_s = (double)start / ticks;
    facts->virtual_bytes = size;
    facts->resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* By the clock as it is when this is first asked: who looks for restarts by it must not take a
 * clock that was set for one. */
static double start_time_s(double after_boot_s)
{
    static atomic_int_fast64_t start_ns;
    int_fast64_t found_ns = 0;
    struct timespec wall, boot;

    if (after_boot_s > 0 && atomic_load(&start_ns) == 0 &&
        clock_gettime(CLOCK_REALTIME, &wall) == 0 && clock_gettime(CLOCK_BOOTTIME, &boot) == 0)
        (void)atomic_compare_exchange_strong(&start_ns, &found_ns,
                                             (wall.tv_sec - boot.tv_sec) * NS + wall.tv_nsec -
                                                 boot.tv_nsec +
                                                 (int_fast64_t)(after_boot_s * (double)NS));
    return (double)atomic_load(&start_ns) / (double)NS;
}

static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder's own */
}

struct process_facts process_facts_now(void)
{
    struct process_facts facts = {0};
    struct rlimit limit;
    double after_boot = 0;

    read_stat(&facts, &after_boot);
    facts.start_time_s = start_time_s(after_boot);
    facts.open_fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        facts.max_fds = limit.rlim_cur;
    return facts;
}

void process_open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        /* The lowest free number is this one. Where there is no /dev/null, there is always "/", and
         * O_PATH gives what can be neither read nor written. */
        if (open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) < 0)
            (void)open("/", O_PATH | O_DIRECTORY);
    }
}

uint64_t process_raise_descriptors(uint64_t most)
{
    struct rlimit limit, raised;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    raised = limit;
    raised.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    if (raised.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    return limit.rlim_cur;
}

int process_hide_memory(struct error *error)
{
    const struct rlimit none = {0, 0};

    /* The limit alone would not do: the kernel passes it over when dumps go to a pipe. */
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return error_set(error, "core dumps cannot be switched off: %s", strerror(errno));
    return 0;
}
