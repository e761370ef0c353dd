#include "pullthrough/edge/sys/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static time_t wall_ahead_s;

/* The wall clock as somebody set it. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *at)
{
    int status = (int)syscall(SYS_clock_gettime, clock, at);

    if (status == 0 && clock == CLOCK_REALTIME)
        at->tv_sec += wall_ahead_s;
    return status;
}

static void test_the_start_stays_where_it_was(void **state)
{
    struct process_facts facts = process_facts_now();
    struct timespec now;

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    assert_true(facts.start_time_s > (double)now.tv_sec - 600);
    assert_true(facts.start_time_s < (double)now.tv_sec + 1);
    wall_ahead_s = 3600;
    assert_true(process_facts_now().start_time_s == facts.start_time_s);
    wall_ahead_s = 0;
}

/* Whether each of the three is open, and /dev/null where it was closed. */
static int close_and_look(unsigned closed)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (closed & 1U << fd)
            (void)close(fd);
    process_open_standard_streams();
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        struct stat found;

        if (fstat(fd, &found) != 0)
            return 10 + fd;
        if (closed & 1U << fd && found.st_rdev != makedev(1, 3))
            return 20 + fd;
    }
    if (closed & 1U << STDOUT_FILENO && write(STDOUT_FILENO, "x", 1) >= 0)
        return 40; /* whoever prints is not to believe that it was read */
    return open("/", O_PATH | O_CLOEXEC) > STDERR_FILENO ? 0 : 30;
}

static void test_closed_streams_are_opened(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        pid_t child = fork();
        int status = -1;

        assert_true(child >= 0);
        if (child == 0)
            _exit(close_and_look(closed));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

/* What a child finds after it hid its memory, as an exit status. As another user than root,
 * since the kernel then gives /proc/self to root. */
static int hide_and_look(void)
{
    struct rlimit limit;
    struct process_facts facts;

    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 10;
    if (process_hide_memory(NULL) != 0)
        return 11;
    if (prctl(PR_GET_DUMPABLE) != 0)
        return 12;
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0)
        return 13;
    facts = process_facts_now(); /* the metrics must go on */
    if (facts.resident_bytes == 0 || facts.open_fds == 0)
        return 14;
    return 0;
}

static void test_hidden_memory(void **state)
{
    pid_t child = fork();
    int status = -1;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(hide_and_look());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child: the hard limit can't be raised again. */
static int raise_and_look(void)
{
    const struct rlimit low = {.rlim_cur = 64, .rlim_max = 200};
    struct rlimit now;

    if (setrlimit(RLIMIT_NOFILE, &low) != 0)
        return 10;
    if (process_raise_descriptors(100) != 100)
        return 11;
    if (process_raise_descriptors(1000000) != 200)
        return 12;
    if (process_raise_descriptors(50) != 200) /* never lower */
        return 13;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur != 200 || now.rlim_max != 200)
        return 14;
    return 0;
}

static void test_descriptors_are_raised(void **state)
{
    pid_t child = fork();
    int status = -1;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(raise_and_look());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_start_stays_where_it_was),
        cmocka_unit_test(test_closed_streams_are_opened),
        cmocka_unit_test(test_hidden_memory),
        cmocka_unit_test(test_descriptors_are_raised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
