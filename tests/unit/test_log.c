#include "pullthrough/edge/sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <jansson.h>

#include <cmocka.h>

static int ends[2];

static int make_pipe(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_INFO);
    return pipe2(ends, O_CLOEXEC);
}

static int close_pipe(void **state)
{
    (void)state;
    log_setup(STDERR_FILENO, true);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

/* What was logged since the last call; there must be something. */
static char *take_log(char *text, size_t size)
{
    ssize_t got = read(ends[0], text, size - 1);

    assert_true(got > 0);
    text[got] = '\0';
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t compiled;

    assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&compiled, text, 0, NULL, 0) != 0)
        fail_msg("%s does not match %s", text, pattern);
    regfree(&compiled);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z"

static void log_every_kind(void)
{
    log_event(LOG_LEVEL_WARN, "a message", LOG_TEXT("text", "two words"), LOG_TEXT("none", NULL),
              LOG_SLICE("slice", slice_of("[::]:8443 and", 9)), LOG_NUMBER("big", UINT64_MAX),
              LOG_SIGNED("least", INT64_MIN), LOG_BOOL("yes", 2 > 1), LOG_BOOL("no", false));
}

static void test_json_line(void **state)
{
    char text[PIPE_BUF + 1];

    (void)state;
    log_setup(ends[1], true);
    log_every_kind();
    assert_matches(take_log(text, sizeof(text)),
                   "^\\{\"time\":\"" TIME "\",\"level\":\"warn\",\"message\":\"a message\","
                   "\"text\":\"two words\",\"none\":\"\",\"slice\":\"\\[::\\]:8443\","
                   "\"big\":18446744073709551615,\"least\":-9223372036854775808,\"yes\":true,"
                   "\"no\":false\\}\n$");
}

static void test_text_line(void **state)
{
    char text[PIPE_BUF + 1];

    (void)state;
    log_setup(ends[1], false);
    log_every_kind();
    assert_matches(take_log(text, sizeof(text)),
                   "^" TIME " warn  a message text=\"two words\" none=\"\" slice=\\[::\\]:8443 "
                   "big=18446744073709551615 least=-9223372036854775808 yes=true no=false\n$");
}

static void test_any_bytes_stay_one_harmless_line(void **state)
{
    static const char bytes[] = "a\nb\r\x1b[2J\0\x7f\xc2\x9b"
                                "31m\xff\"\\\xc3\xa9=";
    char text[PIPE_BUF + 1];

    (void)state;
    for (int json = 0; json < 2; json++) {
        log_setup(ends[1], json);
        log_event(LOG_LEVEL_INFO, "m", LOG_SLICE("f", slice_of(bytes, sizeof(bytes) - 1)));
        take_log(text, sizeof(text));
        assert_non_null(
            strstr(text, "\"a\\nb\\r\\u001b[2J\\u0000??31m\xef\xbf\xbd\\\"\\\\\xc3\xa9=\""));
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
}

static void test_long_fields_are_cut_between_characters(void **state)
{
    char value[2048], text[PIPE_BUF + 1];
    json_t *line;
    const char *got;

    (void)state;
    memset(value, 'x', sizeof(value));
    for (size_t i = 3; i + 1 < sizeof(value); i += 2)
        memcpy(value + i, "\xc3\xa9", 2); /* byte 511 begins one, byte 512 ends it */
    log_setup(ends[1], true);
    log_event(LOG_LEVEL_INFO, "m", LOG_SLICE("f", slice_of(value, sizeof(value) - 1)));
    line = json_loads(take_log(text, sizeof(text)), 0, NULL);
    assert_non_null(line);
    got = json_string_value(json_object_get(line, "f"));
    assert_int_equal(strlen(got), 511 + 3); /* not half a character, and "..." as one */
    assert_memory_equal(got, value, 511);
    assert_string_equal(got + 511, "\xe2\x80\xa6");
    json_decref(line);
}

static void test_a_line_fits_a_pipe_and_says_what_it_lost(void **state)
{
    char value[600] = {0}, text[PIPE_BUF + 1];
    struct slice nasty = slice_of(value, sizeof(value));
    json_t *line;

    (void)state;
    memset(value, 1, sizeof(value)); /* six bytes each once they are escaped */
    log_setup(ends[1], true);
    log_event(LOG_LEVEL_INFO, "m", LOG_SLICE("first", nasty), LOG_SLICE("second", nasty),
              LOG_NUMBER("third", 3));
    take_log(text, sizeof(text));
    assert_true(strlen(text) <= PIPE_BUF);
    line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_non_null(json_object_get(line, "first"));
    assert_null(json_object_get(line, "second"));
    assert_int_equal(json_integer_value(json_object_get(line, "third")), 3);
    assert_true(json_is_true(json_object_get(line, "cut")));
    json_decref(line);
}

static void test_level(void **state)
{
    char text[PIPE_BUF + 1];

    (void)state;
    log_setup(ends[1], true);
    log_set_level(LOG_LEVEL_WARN);
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_WARN));
    log_event(LOG_LEVEL_INFO, "left out", LOG_NUMBER("n", 1));
    log_event(LOG_LEVEL_ERROR, "logged", LOG_NUMBER("n", 2));
    assert_non_null(
        strstr(take_log(text, sizeof(text)), "\"error\",\"message\":\"logged\",\"n\":2}\n"));
    assert_null(strstr(text, "left out"));
    log_set_level(LOG_LEVEL_DEBUG);
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
}

static void test_a_reader_that_is_gone_changes_nothing(void **state)
{
    (void)state;
    log_setup(-1, true);
    errno = ENOENT;
    log_event(LOG_LEVEL_ERROR, "lost", LOG_NUMBER("n", 1));
    assert_int_equal(errno, ENOENT);
}

enum { WRITERS = 4, LINES = 200 };

static void *write_lines(void *number)
{
    char value[500];

    memset(value, 'a' + *(int *)number, sizeof(value));
    for (int i = 0; i < LINES; i++)
        log_event(LOG_LEVEL_INFO, "m", LOG_NUMBER("writer", *(int *)number), LOG_NUMBER("line", i),
                  LOG_SLICE("value", slice_of(value, sizeof(value))));
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
    pthread_t threads[WRITERS];
    int numbers[WRITERS], seen[WRITERS] = {0};
    char line[PIPE_BUF + 1];
    FILE *reader = fdopen(dup(ends[0]), "r");

    (void)state;
    assert_non_null(reader);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1024 * 1024) >=
                1024 * 1024); /* so that none is lost */
    log_setup(ends[1], true);
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
    }
    for (int i = 0; i < WRITERS * LINES; i++) {
        json_t *parsed;
        json_int_t writer;

        assert_non_null(fgets(line, sizeof(line), reader));
        parsed = json_loads(line, 0, NULL);
        assert_non_null(parsed);
        writer = json_integer_value(json_object_get(parsed, "writer"));
        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(json_integer_value(json_object_get(parsed, "line")), seen[writer]++);
        json_decref(parsed);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)fclose(reader);
}

/* Fill the pipe to its last page. */
static void fill_pipe(void)
{
    static const char page[PIPE_BUF];
    int flags = fcntl(ends[1], F_GETFL);

    assert_int_equal(fcntl(ends[1], F_SETFL, flags | O_NONBLOCK), 0);
    while (write(ends[1], page, sizeof(page)) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
}

static void test_a_full_pipe_costs_lines_and_no_time(void **state)
{
    char text[PIPE_BUF + 1];
    int flags;

    (void)state;
    log_setup(ends[1], true);
    log_event(LOG_LEVEL_INFO, "first", LOG_NUMBER("n", 0)); /* tells of what earlier tests lost */
    (void)take_log(text, sizeof(text));
    fill_pipe();
    for (int i = 0; i < 3; i++)
        log_event(LOG_LEVEL_INFO, "lost", LOG_NUMBER("n", i)); /* would hang if it waited */
    flags = fcntl(ends[0], F_GETFL);
    assert_int_equal(fcntl(ends[0], F_SETFL, flags | O_NONBLOCK), 0);
    while (read(ends[0], text, PIPE_BUF) > 0)
        continue;
    assert_int_equal(fcntl(ends[0], F_SETFL, flags), 0);
    log_event(LOG_LEVEL_INFO, "again", LOG_NUMBER("n", 4));
    assert_matches(take_log(text, sizeof(text)), "\"again\",\"n\":4,\"linesLost\":3}");
    log_event(LOG_LEVEL_INFO, "again", LOG_NUMBER("n", 5));
    assert_null(strstr(take_log(text, sizeof(text)), "linesLost"));
}

/* From now on pwritev2() fails, as in a sandbox that doesn't know it. */
static int refuse_pwritev2(int reason)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwritev2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)reason),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog whole = {sizeof(program) / sizeof(program[0]), program};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                   prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) == 0
               ? 0
               : -1;
}

static void test_a_sandbox_that_refuses_a_call_costs_nothing(void **state)
{
    static const int reasons[] = {EPERM, ENOSYS};

    (void)state;
    log_setup(ends[1], true);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        pid_t child = fork();
        char text[PIPE_BUF + 1];
        int status = -1;

        assert_true(child >= 0);
        if (child == 0) {
            if (refuse_pwritev2(reasons[i]) < 0)
                _exit(1);
            log_event(LOG_LEVEL_INFO, "still", LOG_NUMBER("n", i));
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        log_event(LOG_LEVEL_INFO, "end", LOG_NUMBER("n", i)); /* else a failure would hang */
        assert_matches(take_log(text, sizeof(text)), "\"still\",.*\"end\"");
    }
}

static void test_any_message_stays_one_harmless_line(void **state)
{
    static const struct {
        const char *message, *in_text, *in_json;
    } rows[] = {
        {"a\nb\r\x1b[2J\x7f", "a?b??[2J?", "a\\nb\\r\\u001b[2J?"},
        {"\xc2\x9b"
         "31m\xff\xc3\xa9\xc3",
         "?31m?\xc3\xa9?", "?31m\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"},
    };
    char text[PIPE_BUF + 1];

    (void)state;
    for (int json = 0; json < 2; json++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            log_setup(ends[1], json);
            log_event(LOG_LEVEL_INFO, rows[i].message, LOG_NUMBER("n", i));
            take_log(text, sizeof(text));
            assert_non_null(strstr(text, json ? rows[i].in_json : rows[i].in_text));
            assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        }
}

static void test_limit_says_what_it_left_out(void **state)
{
    struct log_limit limit = {0};
    uint64_t suppressed = 99;
    int passed = 0;

    (void)state;
    limit.window = UINT64_MAX; /* some other window than now */
    limit.seen = 0;
    for (int i = 0; i < LOG_LIMIT_BURST + 5; i++) {
        passed += log_limit_pass(&limit, &suppressed);
        assert_int_equal(suppressed, 0);
    }
    /* The clock may have entered the next window once: then a second burst was let through. */
    assert_true(passed >= LOG_LIMIT_BURST && passed <= LOG_LIMIT_BURST + 5);

    limit.window = 1;
    limit.seen = LOG_LIMIT_BURST + 7;
    assert_true(log_limit_pass(&limit, &suppressed));
    assert_int_equal(suppressed, 7);

    limit.window = 1;
    limit.seen = 3;
    assert_true(log_limit_pass(&limit, &suppressed));
    assert_int_equal(suppressed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json_line, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_text_line, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_any_bytes_stay_one_harmless_line, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_long_fields_are_cut_between_characters, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_a_line_fits_a_pipe_and_says_what_it_lost, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_level, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_a_reader_that_is_gone_changes_nothing, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_a_full_pipe_costs_lines_and_no_time, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_threads_do_not_mix_lines, make_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_a_sandbox_that_refuses_a_call_costs_nothing, make_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(test_any_message_stays_one_harmless_line, make_pipe,
                                        close_pipe),
        cmocka_unit_test(test_limit_says_what_it_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
