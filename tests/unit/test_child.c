#include "pullthrough/edge/sys/child.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 60000, OUT_MAX = 1000 };

struct result {
    struct strbuf out, err;
    struct error error;
};

static void result_fini(struct result *result)
{
    strbuf_fini(&result->out);
    strbuf_fini(&result->err);
}
#define RESULT_CLEANUP __attribute__((cleanup(result_fini)))

static int run(struct result *result, char *const *words, uint64_t limit_ms,
               const struct timing *timing)
{
    const struct timing real = timing_of_process();

    *result = (struct result){STRBUF_INIT(OUT_MAX), STRBUF_INIT(OUT_MAX), {""}};
    return child_run(&(struct child){words, limit_ms, timing ? timing : &real}, &result->out,
                     &result->err, &result->error);
}

static int sh(struct result *result, char *script, uint64_t limit_ms)
{
    char *const words[] = {"sh", "-c", script, NULL};

    return run(result, words, limit_ms, NULL);
}

/* No child is left, not even a dead one. */
static void check_none_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_what_it_writes(void **state)
{
    RESULT_CLEANUP struct result result;
    char *const words[] = {"printf", "%s|%s", "a b", "$HOME 'c'", NULL};

    (void)state;
    assert_int_equal(run(&result, words, LONG_MS, NULL), 0);
    assert_string_equal(strbuf_str(&result.out), "a b|$HOME 'c'"); /* no shell saw it */
    check_none_left();
}

static void test_how_it_ends(void **state)
{
    static const struct {
        char *script;
        const char *out, *err, *why;
    } rows[] = {
        {"echo hush; echo why >&2; exit 3", "hush\n", "why\n", "sh ended with status 3"},
        {"kill -9 $$", "", "", "sh was ended by signal 9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        RESULT_CLEANUP struct result result;

        assert_int_equal(sh(&result, rows[i].script, LONG_MS), CHILD_FAILED);
        assert_string_equal(strbuf_str(&result.out), rows[i].out);
        assert_string_equal(strbuf_str(&result.err), rows[i].err);
        assert_string_equal(result.error.text, rows[i].why);
        check_none_left();
    }
}

static void test_one_that_is_not_there(void **state)
{
    RESULT_CLEANUP struct result result;
    char *const words[] = {"/nowhere/tool", "hush", NULL};

    (void)state;
    assert_int_equal(run(&result, words, LONG_MS, NULL), -1);
    assert_string_equal(result.error.text, "/nowhere/tool: No such file or directory");
    check_none_left();
}

/* Its own children go, too: the pipe that they hold open comes to its end. */
static void test_one_that_takes_too_long(void **state)
{
    RESULT_CLEANUP struct result result;
    char script[200], byte;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(script, sizeof(script), "sleep 1000 & sleep 1000");
    assert_int_equal(sh(&result, script, 300), -1);
    assert_string_equal(result.error.text,
                        "sh took too long and was killed (limit: 0 s, 1000 bytes)");
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* returns when the last of them is gone */
    assert_int_equal(close(ends[0]), 0);
    check_none_left();
}

static void test_one_that_writes_too_much(void **state)
{
    RESULT_CLEANUP struct result result;

    (void)state;
    assert_int_equal(sh(&result, "yes hush", LONG_MS), -1);
    assert_string_equal(result.error.text,
                        "sh wrote too much and was killed (limit: 60 s, 1000 bytes)");
    check_none_left();
}

/* Of standard error the end is kept, where the reason stands. */
static void test_much_on_standard_error(void **state)
{
    RESULT_CLEANUP struct result result;

    (void)state;
    assert_int_equal(
        sh(&result, "yes why | head -c 100000 >&2; echo because >&2; echo done", LONG_MS), 0);
    assert_string_equal(strbuf_str(&result.out), "done\n");
    assert_true(slice_ends_with(strbuf_slice(&result.err), slice_str("why\nbecause\n")));
    assert_int_equal(result.err.len, OUT_MAX);
    check_none_left();
}

/* The pods that a command is given are not the child's to read. */
static void test_standard_input(void **state)
{
    RESULT_CLEANUP struct result result;
    char rest[16];
    int ends[2], before = dup(STDIN_FILENO);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "pods\n", 5), 5);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(sh(&result, "cat; echo .", LONG_MS), 0);
    assert_string_equal(strbuf_str(&result.out), ".\n");
    assert_int_equal(read(STDIN_FILENO, rest, sizeof(rest)), 5);
    assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(before), 0);
}

/* An agent that stays, with our pipes in its hands, is not waited for. */
static void test_what_it_leaves_behind(void **state)
{
    RESULT_CLEANUP struct result result;
    pid_t left;

    (void)state;
    assert_int_equal(sh(&result, "sleep 1000 & echo $!", LONG_MS), 0);
    assert_int_equal(sscanf(strbuf_str(&result.out), "%d", &left), 1);
    assert_int_equal(kill(left, 0), 0);
    assert_int_equal(kill(left, SIGKILL), 0);
}

/* We block signals while threads of ours work; it must not. */
static void test_signals_reach_it(void **state)
{
    RESULT_CLEANUP struct result result;
    sigset_t signals, before;

    (void)state;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, &before);
    assert_int_equal(sh(&result, "kill -INT $$; echo alive", LONG_MS), CHILD_FAILED);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    assert_string_equal(strbuf_str(&result.out), "");
    assert_string_equal(result.error.text, "sh was ended by signal 2");
    check_none_left();
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static void test_stopped(void **state)
{
    RESULT_CLEANUP struct result result;
    struct timing timing = timing_of_process();
    char *const words[] = {"sleep", "1000", NULL};

    (void)state;
    timing.stopped = always;
    assert_int_equal(run(&result, words, LONG_MS, &timing), -1);
    assert_string_equal(result.error.text,
                        "sleep was stopped and was killed (limit: 60 s, 1000 bytes)");
    check_none_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_writes),
        cmocka_unit_test(test_how_it_ends),
        cmocka_unit_test(test_one_that_is_not_there),
        cmocka_unit_test(test_one_that_takes_too_long),
        cmocka_unit_test(test_one_that_writes_too_much),
        cmocka_unit_test(test_much_on_standard_error),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_what_it_leaves_behind),
        cmocka_unit_test(test_signals_reach_it),
        cmocka_unit_test(test_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
