#include "pullthrough/edge/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hidden_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
